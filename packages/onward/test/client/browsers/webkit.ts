import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"
import { Builder, Capabilities, type WebDriver } from "selenium-webdriver"
import { reservePort } from "../../reserve-port.ts"
import { find, findMiniBrowser } from "./find.ts"
import { killRenderer } from "./processes.ts"
import type { Browser, Tab } from "./tab.ts"
import { until } from "./until.ts"

/** WebKitGTK's small browser, on a screen of its own that nobody sees. */
export async function openWebKit(profile: string): Promise<Browser> {
  const screen = spawn(find("xvfb") ?? "", ["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1280x1024x24"], {
    stdio: ["ignore", "pipe", "ignore"],
  })
  const children: ChildProcess[] = [screen]
  try {
    const display = await firstLine(screen.stdout)
    // a driver does not say which port the system chose, so it is given one
    const port = await reservePort()
    const driver = spawn(find("webkitDriver") ?? "", [`--port=${port}`], {
      stdio: "ignore",
      env: {
        ...process.env,
        DISPLAY: `:${display}`,
        GDK_BACKEND: "x11",
        HOME: profile,
        XDG_CACHE_HOME: profile,
        XDG_CONFIG_HOME: profile,
        XDG_DATA_HOME: profile,
        // there are no user namespaces in most containers
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: "1",
        no_proxy: "*",
      },
    })
    children.push(driver)
    await until("WebKitWebDriver listens", () => fetch(`http://127.0.0.1:${port}/status`).then(ok, () => false))
    const options = { binary: findMiniBrowser() ?? "", args: ["--automation"] }
    const session = await new Builder()
      .usingServer(`http://127.0.0.1:${port}`)
      .withCapabilities(new Capabilities({ browserName: "MiniBrowser", "webkitgtk:browserOptions": options }))
      .build()
    return await browserOf(session, driver.pid ?? 0, async () => {
      // it has no session any more when a page crashed
      await session.quit().catch(() => {})
      await end(children)
    })
  } catch (error) {
    await end(children)
    throw error
  }
}

const ok = (response: Response): boolean => response.ok

/**
 * A window a tab: in a window, WebDriver would open tabs behind the first one. One window is spoken to at a time, so calls take turns.
 */
async function browserOf(session: WebDriver, driverPid: number, close: () => Promise<void>): Promise<Browser> {
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(act: () => Promise<T>): Promise<T> => {
    const mine = turn.then(act)
    turn = mine.catch(() => {})
    return mine
  }
  await session.manage().setTimeouts({ script: 120_000 })
  const first = await session.getWindowHandle()
  return {
    open: (url) =>
      inTurn(async () => {
        // the one that was spoken to last may be closed
        await session.switchTo().window(first)
        await session.switchTo().newWindow("window")
        const handle = await session.getWindowHandle()
        await load(session, url)
        return tabOf(session, driverPid, (act) =>
          inTurn(async () => {
            await session.switchTo().window(handle)
            return act()
          }),
        )
      }),
    close,
  }
}

function tabOf(session: WebDriver, driverPid: number, within: <T>(act: () => Promise<T>) => Promise<T>): Tab {
  const evaluate: Tab["evaluate"] = (run, ...args) => within(() => evaluateIn(session, String(run), args))
  return {
    evaluate,
    goto: (url) => within(() => load(session, url)),
    back: () => within(() => session.navigate().back()),
    hide: () => within(() => session.manage().window().minimize()),
    async show() {
      await within(() => session.manage().window().setRect({ width: 800, height: 600, x: 0, y: 0 }))
      await until("the window is back", () => evaluate(() => !document.hidden))
    },
    crash: () => killRenderer(driverPid, evaluate),
    close: () => within(() => session.close()),
  }
}

/** The driver may call the blank page before it the one that has loaded. */
async function load(session: WebDriver, url: string): Promise<void> {
  await session.get(url)
  const isThere = (url: string): boolean => document.readyState === "complete" && document.URL === url
  await until(`${url} has loaded`, () => evaluateIn<boolean>(session, String(isThere), [url]))
}

/** Promises and errors do not come out of WebDriver by themselves. */
async function evaluateIn<Result>(session: WebDriver, run: string, args: readonly unknown[]): Promise<Result> {
  const script = `
    const [args, done] = arguments
    Promise.resolve()
      .then(() => (${run})(...args))
      .then((value) => done({ value }), (error) => done({ error: String(error) + "\\n" + error?.stack }))
  `
  const answer = await session.executeAsyncScript<{ value: Result; error?: string }>(script, args)
  if (answer.error !== undefined) throw new Error(answer.error)
  return answer.value
}

async function end(children: readonly ChildProcess[]): Promise<void> {
  for (const child of children.toReversed()) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill()
    await once(child, "exit")
  }
}

async function firstLine(stream: Readable): Promise<string> {
  for await (const line of createInterface(stream)) return line
  throw new Error("Xvfb said nothing")
}
