import { spawnSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"

/** A small disk of its own, which can be filled up. */
export interface Disk extends Disposable {
  readonly folder: string
  fill(ms: number): Promise<void>
}

/** Mounts one, which only root may; undefined when it cannot be done here. */
export function mountDisk(folder: string, megabytes: number): Disk | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined
  mkdirSync(folder)
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder])
  if (mounted.status !== 0) return undefined
  const filler = join(folder, "filler")
  return {
    folder,
    async fill(ms) {
      const file = openSync(filler, "w")
      try {
        for (let block = Buffer.alloc(1 << 20); block.length > 0;) {
          try {
            writeSync(file, block)
          } catch {
            block = block.subarray(0, block.length >> 1) // down to the last bytes
          }
        }
      } finally {
        closeSync(file)
      }
      await wait(ms)
      rmSync(filler)
    },
    [Symbol.dispose]() {
      spawnSync("umount", ["--lazy", folder])
    },
  }
}
