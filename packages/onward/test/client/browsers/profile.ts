import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A test, or all tests of a file. */
export interface Ending {
  after(end: () => Promise<void>): void
}

/** Opens a browser with an empty folder as its profile. At the end it is closed, and then the folder removed: closing writes to it. */
export async function openWithProfile<T extends { close(): Promise<void> }>(
  t: Ending,
  open: (profile: string) => Promise<T>,
): Promise<T> {
  const profile = mkdtempSync(join(tmpdir(), "onward-browser-"))
  const opening = open(profile)
  t.after(async () => {
    const browser = await opening.catch(() => undefined)
    await browser?.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  })
  return opening
}
