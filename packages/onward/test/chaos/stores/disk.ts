import { execFile, spawnSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmdirSync } from "node:fs"
import { statfs } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as wait } from "node:timers/promises"
import { promisify } from "node:util"

/** A disk of its own, on which there may be no room. */
export interface Disk extends Disposable {
  readonly folder: string
  /** Leaves not a byte for `ms`. */
  fill(ms: number): Promise<void>
}

/** In bytes. It lies in memory, of which it takes only what is on it. */
const SIZE = 1 << 30

/** Mounts one, for all users, which only root may; undefined when it cannot be done here. */
export function mountDisk(): Disk | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return undefined
  const folder = mkdtempSync(join(tmpdir(), "onward-disk-"))
  chmodSync(folder, 0o755)
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${SIZE},mode=1777`, "tmpfs", folder])
  if (mounted.status !== 0) {
    rmdirSync(folder)
    return undefined
  }

  const resize = (size: number): Promise<unknown> =>
    promisify(execFile)("mount", ["-o", `remount,size=${size}`, folder])
  const isFull = async (): Promise<boolean> => (await statfs(folder)).bfree === 0
  function unmount(): void {
    process.off("exit", unmount)
    spawnSync("umount", ["--lazy", folder])
    rmdirSync(folder)
  }
  process.once("exit", unmount)

  return {
    folder,
    async fill(ms) {
      for (let tries = 0; !(await isFull()); tries++) {
        if (tries === 100) throw new Error(`${folder} cannot be filled`)
        // what is on it changes meanwhile, and it cannot be made smaller than that
        const { blocks, bfree, bsize } = await statfs(folder)
        await resize((blocks - bfree) * bsize).catch(() => {})
      }
      await wait(ms)
      await resize(SIZE)
    },
    [Symbol.dispose]: unmount,
  }
}
