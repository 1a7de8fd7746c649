import { join } from "node:path"
import type { TestContext } from "node:test"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { sqliteLog } from "../../src/log/sqlite/index.ts"
import { temporaryFolder } from "../log/temporary-folder.ts"

/** A store, and how to get one more handle on it: what another process would have. */
export interface Store {
  readonly name: string
  open(t: TestContext): () => Log
}

export const stores: readonly Store[] = [
  {
    name: "memory",
    open() {
      const log = memoryLog()
      // one process' end is not the others'
      return () => ({ ...log, close: async () => {} })
    },
  },
  {
    name: "sqlite",
    open(t) {
      const path = join(temporaryFolder(t), "runs.db")
      return () => sqliteLog(path)
    },
  },
]
