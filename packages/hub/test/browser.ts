import { after, type TestContext } from "node:test"
import type { Browser, BrowserContext, Page } from "puppeteer-core"
import { openWithProfile } from "../../onward/test/client/browsers/profile.ts"
import { CHROMIUM_ARGS, launchChromium } from "../../onward/test/client/browsers/puppeteer.ts"
import { PATIENCE } from "../../onward/test/client/browsers/until.ts"

let chromium: Promise<Browser> | undefined
const ends: (() => Promise<void>)[] = []
let users = 0

/**
 * Lets the tests of a process share one Chromium, because its start takes longer than most tests. Each test gets a context of it, with nothing
 * remembered. It trusts every certificate, and knows `example.com` and `*.example` as this machine. Call it outside of tests, once for each file.
 */
export function shareChromium(): (t: Pick<TestContext, "after">) => Promise<BrowserContext> {
  users += 1
  after(async () => {
    users -= 1
    if (users > 0) return
    chromium = undefined
    for (const end of ends.splice(0)) await end()
  })
  return async (t) => {
    chromium ??= openWithProfile({ after: (end) => void ends.push(end) }, (profile) =>
      launchChromium(profile, {
        args: [...CHROMIUM_ARGS, "--host-resolver-rules=MAP *.example.com 127.0.0.1, MAP *.example 127.0.0.1"],
      }),
    )
    const context = await (await chromium).createBrowserContext()
    t.after(() => context.close())
    return context
  }
}

/** A tab; what its scripts throw, and what its policies refuse, is added to `errors`. */
export async function openTab(browser: BrowserContext, url: string, errors: string[]): Promise<Page> {
  const page = await browser.newPage()
  page.setDefaultTimeout(PATIENCE)
  // both tabs of a test are looked at
  await page.emulateFocusedPage(true)
  page.on("pageerror", (error) => errors.push(String(error)))
  page.on("console", (message) => {
    // connections that break are what these tests are about
    if (message.type() === "error" && !/net::ERR_/.test(message.text())) errors.push(message.text())
  })
  await page.goto(url)
  return page
}

/** The text of an element; "" while there is none. */
export const textOf = (page: Page, selector: string): Promise<string> =>
  page.evaluate((selector) => document.querySelector(selector)?.textContent?.trim() ?? "", selector)

export const click = (page: Page, selector: string): Promise<void> =>
  page.$eval(selector, (element) => (element as HTMLElement).click())

/** Waits until the text of an element satisfies `is`; fails with the text when it never does. */
export async function waitForText(page: Page, selector: string, is: RegExp, timeout = PATIENCE): Promise<string> {
  const deadline = performance.now() + timeout
  // rarer with time, because a look into a page takes the browser a millisecond or more of computing
  for (let pause = 20; ; pause = Math.min(pause * 1.5, 200)) {
    const text = await textOf(page, selector)
    if (is.test(text)) return text
    if (performance.now() > deadline) throw new Error(`${selector} says "${text}", never ${String(is)}`)
    await new Promise((resolve) => void setTimeout(resolve, pause))
  }
}
