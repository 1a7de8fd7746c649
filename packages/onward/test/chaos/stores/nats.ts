import { setTimeout as wait } from "node:timers/promises"
import { startNatsCluster, type NatsServer } from "../../stores/nats.ts"
import { mountDisk } from "./disk.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

/** Three servers that all keep the stream, each on a disk of its own: what is acknowledged is on two of them at least. */
export async function natsStore({ keeps }: ChaosStoreOptions): Promise<ChaosStore> {
  const disks = [mountDisk(), mountDisk(), mountDisk()]
  const cluster = await startNatsCluster((i) => (disks[i] ? { within: disks[i].folder } : {}))
  /** Whom everybody is connected to. */
  let server = cluster.servers[0] as NatsServer

  return {
    get port() {
      return server.port
    },
    address: (port) => ({ kind: "nats", at: `127.0.0.1:${port}`, keeps }),
    async kill(ms) {
      await server.kill()
      await wait(ms)
      await server.restart()
    },
    async failOver() {
      const killed = await cluster.killLeader("ONWARD")
      if (killed === server) server = cluster.servers.find(({ pid }) => pid !== undefined) as NatsServer
      await wait(500)
      await killed.restart()
    },
    ...(disks[0] && {
      async fillDisk(ms) {
        const leader = await cluster.leaderOf("ONWARD")
        await disks[cluster.servers.indexOf(leader)]?.fill(ms)
        // one that could not write has turned JetStream off, until it is started anew
        await leader.kill()
        await leader.restart()
      },
    }),
    beginsAnew: false,
    spared: disks[0] ? [] : ["disk full: only root can mount one"],
    mayLose: false,
    async [Symbol.asyncDispose]() {
      await cluster.close()
      for (const disk of disks) disk?.[Symbol.dispose]()
    },
  }
}
