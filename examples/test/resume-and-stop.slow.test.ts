import assert from "node:assert/strict"
import { test } from "node:test"
import { shareBrowsers } from "../../packages/onward/test/client/browsers/browser.ts"
import { missing } from "../../packages/onward/test/client/browsers/find.ts"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running } from "./running.ts"

const openBrowser = shareBrowsers()

/** Runs in the page: waits until it shows a text; resolves to all that it shows of the answer. */
function waitInPage(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => reject(new Error(document.body.innerText)), 120_000)
    const timer = setInterval(() => {
      const shown = document.querySelector("pre")?.textContent ?? ""
      if (!shown.includes(text)) return
      clearTimeout(giveUp)
      clearInterval(timer)
      resolve(shown)
    }, 10)
  })
}

test(
  "25: the page shows the response from its beginning after a reload and in a second tab, and Stop stops it in both",
  { skip: missing("chromium") },
  async (t) => {
    const port = await reservePort()
    const server = new Running("25-resume-and-stop.ts", { PORT: String(port) })
    t.after(() => server.stop())
    const origin = `http://127.0.0.1:${port}`
    await fetchSoon(origin)
    const browser = await openBrowser("chromium", t)
    const one = await browser.open(origin)
    await one.evaluate(waitInPage, "1 2 ")
    const url = await one.evaluate(() => location.href)
    await one.goto("about:blank")
    await one.goto(url)
    await one.evaluate(waitInPage, "1 2 ")
    const two = await browser.open(url)
    await two.evaluate(waitInPage, "1 2 ")
    await two.evaluate(() => document.querySelector("button")?.click())
    const [first, second] = await Promise.all([one, two].map((tab) => tab.evaluate(waitInPage, "[stopped]")))
    const tokens = (first ?? "").split(/ +/)
    assert.equal(tokens.pop(), "[stopped]")
    assert.deepEqual(
      tokens,
      tokens.map((_, i) => String(i + 1)),
      "each token once, in order",
    )
    assert.equal(second, first)
    assert.equal(server.output, "")
  },
)
