import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "node:test"
import type { Engine } from "./find.ts"
import { openPuppeteer } from "./puppeteer.ts"
import { openWebKit } from "./webkit.ts"

/** A browser that is open, with nothing remembered from before. */
export interface Browser {
  /** Another tab, which comes to the front. */
  open(url: string): Promise<Tab>
  close(): Promise<void>
}

export interface Tab {
  goto(url: string): Promise<void>
  /** Goes one page back in history. */
  back(): Promise<void>
  /**
   * Runs a function in the page, of which it can only use its arguments and what the page has; resolves to what it, or its promise, gives.
   * Both are copied as JSON is.
   */
  evaluate<Args extends unknown[], Result>(
    run: (...args: Args) => Result | Promise<Result>,
    ...args: Args
  ): Promise<Result>
  /** Puts it behind another tab, or minimizes it. */
  hide(): Promise<void>
  show(): Promise<void>
  close(): Promise<void>
  /** Crashes the page. WebKit's driver would end its session with it, and BiDi has no word for it. */
  crash?(): Promise<void>
  /** What browsers do to pages that were hidden for long: no task runs any more. Only the DevTools protocol can. */
  setFrozen?(isFrozen: boolean): Promise<void>
  /** Cuts the page off from the network, which it is told of. */
  setOffline?(isOffline: boolean): Promise<void>
}

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
