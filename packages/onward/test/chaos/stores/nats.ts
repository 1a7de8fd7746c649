import { setTimeout as wait } from "node:timers/promises"
import { startNatsCluster, type NatsServer } from "../../stores/nats.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

/** Three servers that all keep the stream: what is acknowledged is on two of them at least. */
export async function natsStore({ keeps }: ChaosStoreOptions): Promise<ChaosStore> {
  const cluster = await startNatsCluster()
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
    beginsAnew: false,
    spared: ["disk full: a NATS server that cannot write leaves its cluster, which killing it shows"],
    mayLose: false,
    [Symbol.asyncDispose]: () => cluster.close(),
  }
}
