import assert from "node:assert/strict"
import type { OutgoingHttpHeaders, ServerResponse } from "node:http"
import { test } from "node:test"
import { sse } from "../../../src/adapters/node.ts"
import { createHub } from "../../../src/hub/index.ts"
import { CODINGS } from "../../node/compressed.ts"
import { shareBrowsers } from "./browser.ts"
import { ENGINES, missing } from "./find.ts"
import { servePage } from "./page-server.ts"
import { until } from "./until.ts"
import "./in-page/globals.ts"

const openBrowser = shareBrowsers()

const event = (n: number): string =>
  JSON.stringify({ n, status: "shipped", note: "the same in every event, or nearly" })
/** How many events are awaited one by one, and how many of them before another `EventSource` opens: each wait takes a driver many looks into the page. */
const COUNT = 12
const BEFORE = 6
const events = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => event(from + i))

for (const [engine, prefer] of ENGINES.flatMap((engine) => CODINGS.map((coding) => [engine, coding] as const))) {
  const coding = engine === "webkit" ? "gzip" : prefer

  test(`streams in ${engine} when the server prefers ${prefer}`, { skip: missing(engine) }, async (t) => {
    const site = await servePage(t)
    await using hub = createHub()
    let ending = new AbortController()
    const codings: unknown[] = []
    site.on("/news", (req, res) => {
      const writeHead = res.writeHead.bind(res) as (status: number, headers: OutgoingHttpHeaders) => ServerResponse
      res.writeHead = ((status: number, headers: OutgoingHttpHeaders) => {
        codings.push(headers["content-encoding"])
        return writeHead(status, headers)
      }) as typeof res.writeHead
      sse(req, res, hub.subscribe({ topics: ["news"], signal: ending.signal }), { compress: { prefer }, retry: 10 })
    })
    const tab = await (await openBrowser(engine, t)).open(site.pageUrl())

    /** What a native EventSource and ours have heard. */
    const heard = (): Promise<string[][]> =>
      tab.evaluate(() =>
        ["native", "late native", "ours"].map((name) => {
          const all = (globalThis as unknown as { kept?: Record<string, string[]> }).kept
          return name === "ours" ? page.heard(name).events.map(({ data }) => data) : (all?.[name] ?? [])
        }),
      )
    const listenNatively = (name: string): Promise<void> =>
      tab.evaluate((name) => {
        const kept = ((globalThis as unknown as { kept?: Record<string, string[]> }).kept ??= {})
        const list: string[] = (kept[name] = [])
        new globalThis.EventSource("/news").addEventListener("message", ({ data }) => list.push(String(data)))
      }, name)

    await listenNatively("native")
    await tab.evaluate(() => void page.listen("ours", "/news"))
    await until("both are there", () => hub.stats().live === 2)
    for (let n = 0; n < COUNT; n++) {
      if (n === BEFORE) {
        await listenNatively("late native")
        await until("the late one is there", () => hub.stats().live === 3)
      }
      await hub.publish({ topic: "news", data: event(n) })
      // at once: the next event comes when this one has arrived everywhere
      await until(`event ${n} has arrived`, heard, (lists) =>
        lists.every((list, i) => list.at(-1) === event(n) || (i === 1 && n < BEFORE)),
      )
    }
    assert.deepEqual(await heard(), [events(0, COUNT), events(BEFORE, COUNT), events(0, COUNT)])
    assert.deepEqual(codings, [coding, coding, coding])

    await hub.publish({ topic: "news", data: "y".repeat(200_000) })
    await until("a large one has arrived", heard, (lists) => lists.every((list) => list.at(-1)?.length === 200_000))

    // an end with sum and length: all come back, and go on from where they were
    ending.abort()
    ending = new AbortController()
    await hub.publish({ topic: "news", data: "meanwhile" })
    await until("all have come back", heard, (lists) => lists.every((list) => list.at(-1) === "meanwhile"))
    assert.deepEqual(
      (await heard()).map(({ length }) => length),
      [COUNT + 2, COUNT - BEFORE + 2, COUNT + 2],
    )
    // a stream that was ended only after "meanwhile" comes back a moment later
    await until(
      "all have come back",
      () => Promise.resolve(codings.length),
      (count) => count >= 6,
    )
    assert.equal(codings.length, 6)
    await tab.evaluate(() => page.closeAll())
    await until("ours has left", () => hub.stats().connections === 2)
  })
}
