import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Page } from "puppeteer-core"
import { find } from "../../packages/onward/test/client/browsers/find.ts"
import { launchChromium } from "../../packages/onward/test/client/browsers/puppeteer.ts"
import type { Stage } from "./observe.ts"
import type { Report, Task } from "./task.ts"

/** A page of Chromium for each; undefined where there is none. */
export async function openPages(): Promise<(Stage & AsyncDisposable & { readonly version: string }) | undefined> {
  if (!find("chromium")) return undefined
  const profile = await mkdtemp(join(tmpdir(), "onward-compare-"))
  const browser = await launchChromium(profile)
  return {
    isCors: true,
    version: (await browser.version()).replace("/", " "),
    async open(_client, task, told) {
      const page: Page = await browser.newPage()
      await page.exposeFunction("told", (report: Report) => told(report))
      await page.evaluate(startInPage, task)
      return () => page.close()
    },
    async [Symbol.asyncDispose]() {
      await browser.close()
      await rm(profile, { recursive: true, force: true })
    },
  }
}

/** What `starts.native` does, in a page: all of it has to be in this function. */
function startInPage(task: Task): void {
  const { told } = globalThis as unknown as { told(report: Report): void }
  const { actions = [], types = [], consumers = 1, onEvent, url } = task
  const has = (on: string): boolean => actions.some((action) => action.on === on)
  const states = ["connecting", "open", "closed"] as const
  let isThrown = false
  for (let i = 0; i < consumers; i++) {
    const source = new EventSource(url, task as EventSourceInit)
    const state = (): (typeof states)[number] => states[source.readyState as 0 | 1 | 2]
    source.addEventListener("open", () => {
      told({ opened: true })
      if (has("open")) source.close()
    })
    for (const type of ["message", "error", ...types]) {
      source.addEventListener(type, (event) => {
        if (event instanceof MessageEvent) {
          if (has("message")) source.close()
          if (onEvent !== "hold")
            told({ event: { event: type, data: String(event.data), lastEventId: event.lastEventId } })
          if (onEvent === "throw" && !isThrown) {
            isThrown = true
            throw new Error("thrown by the program")
          }
        } else {
          told({ failed: { state: state(), status: (event as Event & { status?: number }).status } })
          if (has("error")) source.close()
        }
      })
    }
    for (const { on, at = 0 } of actions) if (on === "ms") setTimeout(() => source.close(), at)
    if (i > 0) continue
    let last: string | undefined
    setInterval(() => {
      if (state() !== last) told({ state: state() })
      last = state()
    }, 10)
  }
}
