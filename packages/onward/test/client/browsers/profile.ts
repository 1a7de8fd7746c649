import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "node:test"

/** Opens a browser with an empty folder as its profile. After the test it is closed, and then the folder removed: closing writes to it. */
export async function openWithProfile<T extends { close(): Promise<void> }>(
  t: Pick<TestContext, "after">,
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
