import { after, type TestContext } from "node:test"
import type { Browser, BrowserContext, Page } from "puppeteer-core"
import { openWithProfile } from "../../onward/test/client/browsers/profile.ts"
import { launchChromium } from "../../onward/test/client/browsers/puppeteer.ts"

const ends: (() => Promise<void>)[] = []
after(async () => {
  for (const end of ends) await end()
})
let chromium: Promise<Browser> | undefined

/** A browser with nothing remembered, for one test. It is a context of one Chromium of the file, whose start takes longer than most tests. */
export async function openBrowser(t: TestContext): Promise<BrowserContext> {
  chromium ??= openWithProfile({ after: (end) => void ends.push(end) }, (profile) => launchChromium(profile))
  const context = await (await chromium).createBrowserContext()
  t.after(() => context.close())
  return context
}

/** A tab; what its scripts throw, and what its policies refuse, is added to `errors`. */
export async function openTab(browser: BrowserContext, url: string, errors: string[]): Promise<Page> {
  const page = await browser.newPage()
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
export async function waitForText(page: Page, selector: string, is: RegExp, timeout = 30_000): Promise<string> {
  const deadline = performance.now() + timeout
  for (;;) {
    const text = await textOf(page, selector)
    if (is.test(text)) return text
    if (performance.now() > deadline) throw new Error(`${selector} says "${text}", never ${String(is)}`)
    await new Promise((resolve) => void setTimeout(resolve, 50))
  }
}
