import { after } from "node:test"
import type { Engine } from "./find.ts"
import { openWithProfile, type Ending } from "./profile.ts"
import { openPuppeteer } from "./puppeteer.ts"
import type { Browser } from "./tab.ts"
import { openWebKit } from "./webkit.ts"

/** Starts a browser with a profile of its own; both are gone when the test is over. */
export const openBrowser = (engine: Engine, t: Ending): Promise<Browser> =>
  openWithProfile(t, (profile) => (engine === "webkit" ? openWebKit(profile) : openPuppeteer(engine, profile)))

/** The browsers that tests share, and how many files use them: several files may run in one process. */
const shared = new Map<Engine, Promise<Browser>>()
const ends: (() => Promise<void>)[] = []
let users = 0

/**
 * Lets the tests of a process share one browser of each engine, because a start takes longer than most tests. Each test closes its tabs. Their pages
 * need different origins, so that nothing else is shared. Call it outside of tests, once for each file.
 */
export function shareBrowsers(): (engine: Engine, t: Ending) => Promise<Pick<Browser, "open">> {
  users += 1
  after(async () => {
    users -= 1
    if (users > 0) return
    shared.clear()
    for (const end of ends.splice(0)) await end()
  })
  return async (engine, t) => {
    const opening = shared.get(engine) ?? openBrowser(engine, { after: (end) => void ends.push(end) })
    shared.set(engine, opening)
    const browser = await opening
    return {
      async open(url) {
        const tab = await browser.open(url)
        let isOpen = true
        const close = async (): Promise<void> => {
          // the browser may have ended before, with all its tabs
          if (!isOpen || shared.get(engine) !== opening) return
          isOpen = false
          await tab.close()
        }
        t.after(close)
        return { ...tab, close }
      },
    }
  }
}
