import assert from "node:assert/strict"
import { readFile } from "node:fs/promises"
import { test } from "node:test"
import { sse } from "../../../src/adapters/node.ts"
import { createHub, memoryLog } from "../../../src/index.ts"
import { shareBrowsers } from "./browser.ts"
import { ENGINES, missing } from "./find.ts"
import { servePage, type PageServer } from "./page-server.ts"
import type { Tab } from "./tab.ts"
import { until } from "./until.ts"

const openBrowser = shareBrowsers()

const SCRIPTS: Readonly<Record<string, string>> = {
  "/htmx.js": import.meta.resolve("htmx.org/dist/htmx.js"),
  "/hx-sse.js": import.meta.resolve("htmx.org/dist/ext/hx-sse.js"),
  "/datastar.js": import.meta.resolve("@starfederation/datastar/dist/datastar.js"),
}

/** Serves a page of its own, and the scripts it may ask for. */
function servePageOf(site: PageServer, path: string, body: string): void {
  for (const [name, file] of Object.entries(SCRIPTS)) {
    site.on(name, (_, res) => {
      void readFile(new URL(file)).then((source) => res.setHeader("content-type", "text/javascript").end(source))
    })
  }
  site.on(path, (_, res) => res.setHeader("content-type", "text/html").end(`<!doctype html><body>${body}`))
}

/** A source that says one thing and ends; returns how each was asked, by its last event id. */
function serveEnding(site: PageServer, path: string, data: string, options: { event?: string; retry?: number } = {}) {
  const { event, ...rest } = options
  const asked: (string | undefined)[] = []
  site.on(path, (req, res) => {
    asked.push(req.headers["last-event-id"]?.toString())
    sse(
      req,
      res,
      async function* () {
        yield { id: "1", data, event }
      },
      rest,
    )
  })
  return asked
}

const textOf = (tab: Tab, selector: string): Promise<string> =>
  tab.evaluate((selector) => document.querySelector(selector)?.textContent ?? "", selector)

/** Runs in the page: resolves when a native source has given up for good. */
function untilClosed(url: string): Promise<number> {
  return new Promise((resolve) => {
    const source = new globalThis.EventSource(url)
    source.onerror = () => source.readyState === 2 && resolve(source.readyState)
  })
}

for (const engine of ENGINES) {
  test(
    `a native EventSource in ${engine} reconnects once after stream.end, at its own time, and is closed`,
    {
      skip: missing(engine),
    },
    async (t) => {
      const site = await servePage(t)
      const asked = serveEnding(site, "/ends", "x", { retry: 50 })
      const tab = await (await openBrowser(engine, t)).open(site.pageUrl())
      assert.equal(await tab.evaluate(untilClosed, "/ends"), 2)
      assert.deepEqual(asked, [undefined, "stream.end"])
    },
  )
}

const skip = missing("chromium")

/** Long enough for a client that asks again at once to do so many times. */
async function nativeIsClosed(site: PageServer, tab: Tab): Promise<void> {
  serveEnding(site, "/patient", "x", { retry: 6_000 })
  assert.equal(await tab.evaluate(untilClosed, "/patient"), 2)
}

test(
  "htmx 4 swaps events in, ignores checkpoints, resumes after a deploy and does not stop on an error",
  { skip },
  async (t) => {
    const site = await servePage(t)
    const log = memoryLog()
    let hub = createHub({ log })
    t.after(() => hub.close())
    const asked: (string | undefined)[] = []
    site.on("/events", (req, res) => {
      asked.push(req.headers["last-event-id"]?.toString())
      sse(req, res, hub.subscribe({ topics: ["news"], until: ({ data }) => data.includes("last") }), { retry: 50 })
    })
    servePageOf(
      site,
      "/htmx",
      `<ul hx-sse:connect="/events" hx-sse:close="stream.end" hx-swap="beforeend"></ul>
     <script src="/htmx.js"></script><script src="/hx-sse.js"></script>`,
    )
    const tab = await (await openBrowser("chromium", t)).open(`${site.origin}/htmx`)
    await until("it is live", () => hub.stats().live === 1)
    await hub.publish({ topic: "news", data: "<li>one</li>" })
    await until(
      "it is swapped in",
      () => textOf(tab, "ul"),
      (text) => text === "one",
    )
    const before = hub
    const id = await hub.publish({ topic: "other", data: "x" })
    hub = createHub({ log })
    await before.drain({ duration: 0 })
    await until("it has come back", () => hub.stats().live === 1)
    assert.deepEqual(asked, [undefined, id])
    await hub.publish({ topic: "news", data: "<li>last</li>" })
    await until(
      "the rest is swapped in",
      () => textOf(tab, "ul"),
      (text) => text === "onelast",
    )
    await nativeIsClosed(site, tab)
    assert.equal(asked.length, 2, "after the end it does not ask again")
  },
)

test("htmx 4 without hx-sse:close does not reconnect at once after stream.end", { skip }, async (t) => {
  const site = await servePage(t)
  const asked = serveEnding(site, "/ends", "done")
  servePageOf(
    site,
    "/htmx",
    `<p hx-sse:connect="/ends"></p><script src="/htmx.js"></script><script src="/hx-sse.js"></script>`,
  )
  const tab = await (await openBrowser("chromium", t)).open(`${site.origin}/htmx`)
  await until(
    "it is swapped in",
    () => textOf(tab, "p"),
    (text) => text === "done",
  )
  await nativeIsClosed(site, tab)
  assert.deepEqual(asked, [undefined])
})

test("Datastar merges fragments of a stream, and does not reconnect after its end", { skip }, async (t) => {
  const site = await servePage(t)
  const asked = serveEnding(site, "/fragments", 'fragments <p id="news">hello</p>', {
    event: "datastar-merge-fragments",
  })
  servePageOf(
    site,
    "/datastar",
    `<p id="news" data-on-load="sse('/fragments')"></p><script type="module" src="/datastar.js"></script>`,
  )
  const tab = await (await openBrowser("chromium", t)).open(`${site.origin}/datastar`)
  await until(
    "it is merged",
    () => textOf(tab, "#news"),
    (text) => text === "hello",
  )
  await nativeIsClosed(site, tab)
  assert.deepEqual(asked, [undefined])
})
