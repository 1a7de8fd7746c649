import { connect } from "@nats-io/transport-node"
import { Redis } from "ioredis"
import { join } from "node:path"
import type { TestContext } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { natsLog } from "../../src/log/nats/index.ts"
import { redisLog } from "../../src/log/redis/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { temporaryFolder } from "../log/temporary-folder.ts"
import { redisMissing, startRedis } from "../stores/redis.ts"
import { natsMissing, startNats } from "../stores/nats.ts"

/** A store, and how to get one more handle on it: what another process would have. */
export interface Store {
  readonly name: string
  /** Why it cannot be had on this machine. */
  readonly missing?: string | undefined
  open(t: TestContext): Promise<() => Log>
}

export const stores: readonly Store[] = [
  {
    name: "memory",
    async open() {
      const log = memoryLog()
      // one process' end is not the others'
      return () => ({ ...log, close: async () => {} })
    },
  },
  {
    name: "sqlite",
    async open(t) {
      const path = join(temporaryFolder(t), "runs.db")
      return () => sqliteLog(path)
    },
  },
  {
    name: "nats",
    missing: natsMissing,
    async open(t) {
      const server = await startNats()
      t.after(() => server.close())
      const connections = await Promise.all([1, 2].map(() => connect({ servers: server.address })))
      t.after(() => Promise.all(connections.map((each) => each.close())))
      let handles = 0
      return () => natsLog(connections[handles++ % 2] as (typeof connections)[0])
    },
  },
  {
    name: "redis",
    missing: redisMissing,
    async open(t) {
      const server = await startRedis({ appendfsync: "none" })
      t.after(() => server.close())
      return () => {
        const client = new Redis(server.url)
        t.after(() => client.disconnect())
        return redisLog(client)
      }
    },
  },
]
