import { setTimeout as wait } from "node:timers/promises"
import { startRedis, startReplica, type RedisServer } from "../../stores/redis.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

/** How long a failing link between the two lasts before the master is lost, in ms, where a failover may lose something. */
const SPLIT = 300

/**
 * A master and its replica. The log waits for the replica before it acknowledges, and the master writes to its file before it
 * answers: so neither a restart nor a failover may lose what was acknowledged. When it may lose, it does.
 */
export async function redisStore({ keeps, mayLose }: ChaosStoreOptions): Promise<ChaosStore> {
  let master = await startRedis()
  let replica = await startReplica(master)

  return {
    get port() {
      return master.port
    },
    address: (port) => ({ kind: "redis", at: `redis://127.0.0.1:${port}`, keeps, mayLose }),
    async kill(ms) {
      await master.kill()
      await wait(ms)
      await master.restart()
    },
    async failOver() {
      // who promotes a replica that has not got everything yet loses it
      await following(replica)
      if (mayLose) await promote(replica)
      if (mayLose) await wait(SPLIT)
      await master.kill()
      if (!mayLose) await promote(replica)
      ;[master, replica] = [replica, master]
      await replica.restart()
      await follow(replica, "127.0.0.1", `${master.port}`)
      await following(replica)
    },
    beginsAnew: true,
    spared: ["disk full: a Redis that cannot write its file ends itself, which killing it shows"],
    mayLose,
    async [Symbol.asyncDispose]() {
      await Promise.all([master.close(), replica.close()])
    },
  }
}

/** Makes a server a replica or, with "no one", a master; it stays that when it is started again. */
async function follow(server: RedisServer, host: string, port: string): Promise<void> {
  await server.command("replicaof", host, port)
  await server.command("config", "rewrite")
}

const promote = (replica: RedisServer): Promise<void> => follow(replica, "no", "one")

async function following(replica: RedisServer): Promise<void> {
  while (!(await replica.command("info", "replication").catch(String)).includes("master_link_status:up")) await wait(50)
}
