import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "node:test"
import type { Engine } from "./find.ts"
import { openPuppeteer } from "./puppeteer.ts"
import type { Browser } from "./tab.ts"
import { openWebKit } from "./webkit.ts"

/** Starts a browser with a profile of its own; both are gone when the test is over. */
export async function openBrowser(engine: Engine, t: Pick<TestContext, "after">): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), `onward-${engine}-`))
  const opening = engine === "webkit" ? openWebKit(profile) : openPuppeteer(engine, profile)
  t.after(async () => {
    const browser = await opening.catch(() => undefined)
    await browser?.close()
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 })
  })
  return opening
}
