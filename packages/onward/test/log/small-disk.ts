import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "node:test"

const asRoot = process.getuid?.() === 0 ? [] : ["sudo", "-n"]

export function runAsRoot(...words: string[]): void {
  const [command = "", ...args] = [...asRoot, ...words]
  execFileSync(command, args, { stdio: "pipe" })
}

/** A disk of 3 MiB of its own, where one can be made; elsewhere the test is skipped, which CI does not accept. */
export function smallDisk(t: TestContext): string | undefined {
  const disk = mkdtempSync(join(tmpdir(), "onward-disk-"))
  try {
    runAsRoot("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", disk)
  } catch (error) {
    rmSync(disk, { recursive: true })
    const reason = "needs Linux, and root or sudo, to make a small disk"
    if (process.env["CI"] === "true") throw new Error(reason, { cause: error })
    t.skip(reason)
    return undefined
  }
  t.after(() => {
    runAsRoot("umount", "-l", disk)
    rmSync(disk, { recursive: true })
  })
  return disk
}

/** Writes to a file until not a byte is left. */
export function fill(path: string): void {
  const file = openSync(path, "w")
  try {
    for (const size of [65_536, 4096]) {
      try {
        for (;;) writeSync(file, Buffer.alloc(size))
      } catch (error) {
        assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC")
      }
    }
  } finally {
    closeSync(file)
  }
}
