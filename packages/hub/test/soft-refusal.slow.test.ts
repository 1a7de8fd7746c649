import assert from "node:assert/strict"
import { test } from "node:test"
import { missing } from "../../onward/test/client/browsers/find.ts"
import { shareChromium } from "./browser.ts"
import { testServer } from "./server.ts"

const openBrowser = shareChromium()

const skip = missing("chromium")

/** Opens an `EventSource` and tells its state once its first attempt is over: 0 while it goes on trying, 2 when it gave up. */
async function openSource(url: string): Promise<number> {
  const source = new EventSource(url)
  const page = window as unknown as Record<string, unknown>
  page["told"] = new Promise((resolve) => source.addEventListener("message", ({ data }) => resolve(data)))
  await new Promise((resolve) => source.addEventListener("error", resolve, { once: true }))
  return source.readyState
}

for (const refuse of ["soft", "status"] as const) {
  const what = refuse === "soft" ? "asks again and gets its stream" : "gives up"
  test(`a temporarily refused EventSource of Chromium (${refuse}) ${what}`, { skip }, async (t) => {
    // the shortest wait of those a server draws: five seconds
    t.mock.method(Math, "random", () => 0)
    const { url } = await testServer(t, { refuse, limits: { streamsPerAddress: 1 } })
    const leaving = new AbortController()
    t.after(() => leaving.abort())
    // held, because fetch closes a streaming response that is garbage
    const first = await fetch(`${url}/events?topic=a`, { signal: leaving.signal })
    t.after(() => first.body?.cancel().catch(() => {}))
    const page = await (await openBrowser(t)).newPage()
    await page.goto(`${url}/healthz`)
    const state = await page.evaluate(openSource, `${url}/events?topic=a&last=1`)
    assert.equal(state, refuse === "soft" ? 0 : 2)
    if (refuse === "status") return
    leaving.abort()
    await fetch(`${url}/publish`, { method: "POST", body: new URLSearchParams({ topic: "a", data: "there" }) })
    const told = await page.evaluate(() => (window as unknown as { told: Promise<string> }).told)
    assert.equal(told, "there")
  })
}
