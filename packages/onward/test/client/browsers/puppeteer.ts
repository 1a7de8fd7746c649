import { launch, type Browser as PuppeteerBrowser, type LaunchOptions, type Page } from "puppeteer-core"
import { find, type Engine } from "./find.ts"
import { killRenderer } from "./processes.ts"
import type { Browser, Tab } from "./tab.ts"
import { PATIENCE, until } from "./until.ts"

/** Arguments of every Chromium in tests. */
export const CHROMIUM_ARGS: readonly string[] = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-proxy-server",
]

/** What puppeteer adds to make tests easy: without it hidden tabs are held back as they are for users. */
const TOO_KIND = [
  "--disable-background-timer-throttling",
  "--disable-backgrounding-occluded-windows",
  "--disable-renderer-backgrounding",
]

/** Starts Chromium for puppeteer, with its profile in the given folder. It accepts all certificates. */
export const launchChromium = (userDataDir: string, options?: LaunchOptions): Promise<PuppeteerBrowser> =>
  launch({
    executablePath: find("chromium") ?? "",
    headless: true,
    userDataDir,
    // on a busy machine it takes longer than the 30 s of puppeteer
    args: [...CHROMIUM_ARGS],
    acceptInsecureCerts: true,
    timeout: PATIENCE,
    ...options,
  })

const launchFirefox = (userDataDir: string): Promise<PuppeteerBrowser> =>
  launch({
    browser: "firefox",
    executablePath: find("firefox") ?? "",
    headless: true,
    userDataDir,
    timeout: PATIENCE,
    // a process for each tab, so that one that hangs hangs alone
    extraPrefsFirefox: { "network.proxy.type": 0, "dom.ipc.processCount.webIsolated": 16 },
  })

/** Chromium by the DevTools protocol, Firefox by WebDriver BiDi. */
export async function openPuppeteer(engine: Exclude<Engine, "webkit">, profile: string): Promise<Browser> {
  const browser = await (engine === "chromium"
    ? launchChromium(profile, { ignoreDefaultArgs: TOO_KIND })
    : launchFirefox(profile))
  const cover = (await browser.pages())[0] ?? (await browser.newPage())
  const canGoOffline = await obeysOfflineMode(cover)
  return {
    async open(url) {
      const page = await browser.newPage()
      page.setDefaultTimeout(PATIENCE)
      await page.goto(url)
      await page.bringToFront()
      return {
        ...tabOf(page, cover, browser.process()?.pid ?? 0),
        ...(canGoOffline && { setOffline: (isOffline: boolean) => page.setOfflineMode(isOffline) }),
        ...(engine === "chromium" && { setFrozen: await freezerOf(page) }),
      }
    },
    close: () => browser.close(),
  }
}

/** Firefox 140 does not know the WebDriver BiDi command for it yet, later ones do. */
async function obeysOfflineMode(page: Page): Promise<boolean> {
  try {
    await page.setOfflineMode(false)
    return true
  } catch (error) {
    if (String(error).includes("unknown command")) return false
    throw error
  }
}

function tabOf(page: Page, cover: Page, browserPid: number): Tab {
  const visited = [page.url()]
  const evaluate: Tab["evaluate"] = (run, ...args) =>
    page.evaluate(run as (...args: unknown[]) => ReturnType<typeof run>, ...args)
  return {
    async goto(url) {
      await page.goto(url)
      visited.push(url)
    },
    // by `goBack` puppeteer waits for a page to load, which one from the back-forward cache does not in Firefox
    async back() {
      await page.evaluate(() => void setTimeout(() => history.back()))
      visited.pop()
      const isBack = (url?: string): boolean => document.URL === url && document.readyState === "complete"
      // between pages there is nobody to answer
      await until("the page before is back", () => page.evaluate(isBack, visited.at(-1)).catch(() => false))
    },
    evaluate,
    hide: () => cover.bringToFront(),
    show: () => page.bringToFront(),
    crash: () => killRenderer(browserPid, evaluate),
    close: () => page.close(),
  }
}

async function freezerOf(page: Page): Promise<NonNullable<Tab["setFrozen"]>> {
  const session = await page.createCDPSession()
  return async (isFrozen) => {
    await session.send("Page.setWebLifecycleState", { state: isFrozen ? "frozen" : "active" })
  }
}
