import { join } from "node:path"
import { mountDisk } from "./disk.ts"
import type { ChaosStore, ChaosStoreOptions } from "./store.ts"

/** A file that all hubs share. It has no server to kill: what that would prove, killing all hubs at once while they write does. */
export function sqliteStore({ folder, keeps }: ChaosStoreOptions): ChaosStore {
  const disk = mountDisk()
  const at = join(disk?.folder ?? folder, "events.db")
  return {
    port: undefined,
    address: () => ({ kind: "sqlite", at, keeps }),
    ...(disk && { fillDisk: (ms) => disk.fill(ms) }),
    beginsAnew: false,
    spared: ["failover: a file has no other to fail over to", ...(disk ? [] : ["disk full: only root can mount one"])],
    mayLose: false,
    async [Symbol.asyncDispose]() {
      disk?.[Symbol.dispose]()
    },
  }
}
