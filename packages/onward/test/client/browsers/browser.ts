import { after } from "node:test"
import type { Engine } from "./find.ts"
import { openWithProfile, type Ending } from "./profile.ts"
import { openPuppeteer } from "./puppeteer.ts"
import type { Browser } from "./tab.ts"
import { openWebKit } from "./webkit.ts"

/** Starts a browser with a profile of its own; both are gone when the test is over. */
export const openBrowser = (engine: Engine, t: Ending): Promise<Browser> =>
  openWithProfile(t, (profile) => (engine === "webkit" ? openWebKit(profile) : openPuppeteer(engine, profile)))

/**
 * Lets the tests of a file share one browser of each engine, because a start takes longer than most tests. Each test closes its tabs. Their pages
 * need different origins, so that nothing else is shared. Call it outside of tests.
 */
export function shareBrowsers(): (engine: Engine, t: Ending) => Promise<Pick<Browser, "open">> {
  const browsers = new Map<Engine, Promise<Browser>>()
  const ends: (() => Promise<void>)[] = []
  after(async () => {
    for (const end of ends) await end()
  })
  return async (engine, t) => {
    const opening = browsers.get(engine) ?? openBrowser(engine, { after: (end) => void ends.push(end) })
    browsers.set(engine, opening)
    const browser = await opening
    return {
      async open(url) {
        const tab = await browser.open(url)
        t.after(() => tab.close())
        return tab
      },
    }
  }
}
