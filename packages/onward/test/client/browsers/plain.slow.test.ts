import assert from "node:assert/strict"
import { test } from "node:test"
import { sse, type Source } from "../../../src/adapters/node.ts"
import { createHub, memoryLog } from "../../../src/index.ts"
import { shareBrowsers } from "./browser.ts"
import { ENGINES, missing } from "./find.ts"
import { servePage } from "./page-server.ts"
import { until } from "./until.ts"

const openBrowser = shareBrowsers()

/** What the native sources of the page have heard, each event as its name and id. */
interface Native {
  listen(url: string): void
  readonly heard: Record<string, string[]>
}

/** Runs in the page: native sources that any number of tests can look at. */
function listenNatively(url: string): void {
  const global = globalThis as unknown as { native?: Native["heard"] }
  const heard = ((global.native ??= {})[url] = [] as string[])
  const source = new globalThis.EventSource(url)
  for (const type of ["message", "stream.checkpoint", "stream.end"]) {
    source.addEventListener(type, (event) => {
      const { data, lastEventId } = event as MessageEvent<string>
      heard.push(`${type} ${lastEventId} ${data}`)
    })
  }
}

const heardOf = (url: string): string[] => (globalThis as unknown as { native: Native["heard"] }).native[url] ?? []

for (const engine of ENGINES) {
  test(
    `a native EventSource in ${engine} uses the id and the reconnection time of blocks without data`,
    {
      skip: missing(engine),
    },
    async (t) => {
      const site = await servePage(t)
      const asked: Record<string, (string | undefined)[]> = {}
      /** A source that ends at once, for its client to reconnect. */
      const serve = (path: string, source: Source, retry?: number): void =>
        site.on(path, (req, res) => {
          ;(asked[path] ??= []).push(req.headers["last-event-id"]?.toString())
          sse(req, res, source, { end: false, ...(retry !== undefined && { retry }) })
        })
      const checkpoint = (id: string): Source =>
        async function* () {
          yield { id }
        }
      serve("/opening", checkpoint("1"), 20)
      serve("/checkpoint", async function* () {
        yield { id: "2", retry: 20 }
      })
      serve(
        "/alone",
        async function* () {
          yield { retry: 20 }
          yield { id: "3", data: {} }
        },
        60_000,
      )
      // reconnects later than five times the time a browser would take by itself
      serve("/slow", checkpoint("4"), 60_000)

      const tab = await (await openBrowser(engine, t)).open(site.pageUrl())
      for (const path of ["/slow", "/opening", "/checkpoint", "/alone"]) await tab.evaluate(listenNatively, path)
      for (const [path, id] of [
        ["/opening", "1"],
        ["/checkpoint", "2"],
        ["/alone", "3"],
      ] as const) {
        await until(
          `${path} was asked for six times`,
          () => asked[path] ?? [],
          ({ length }) => length >= 6,
        )
        assert.deepEqual(asked[path]?.slice(0, 6), [undefined, id, id, id, id, id])
        const heard = await tab.evaluate(heardOf, path)
        const isMessage = path === "/alone"
        assert.ok(
          heard.every((each) => each.startsWith("stream.checkpoint ") || (isMessage && each === "message 3 {}")),
          heard.join("; "),
        )
      }
      assert.deepEqual(asked["/slow"], [undefined])
    },
  )

  test(
    `a native EventSource in ${engine} resumes at the last checkpoint of a hub that is drained`,
    {
      skip: missing(engine),
    },
    async (t) => {
      const site = await servePage(t)
      const log = memoryLog()
      let hub = createHub({ log, heartbeat: 200 })
      t.after(() => hub.close())
      const asked: (string | undefined)[] = []
      site.on("/hub", (req, res) => {
        asked.push(req.headers["last-event-id"]?.toString())
        sse(req, res, hub.subscribe({ topics: ["quiet"] }))
      })
      const tab = await (await openBrowser(engine, t)).open(site.pageUrl())
      await tab.evaluate(listenNatively, "/hub")
      await until("it is live", () => hub.stats().live === 1)
      const beat = await hub.publish({ topic: "busy", data: "1" })
      await until(
        "a heartbeat was a checkpoint",
        () => tab.evaluate(heardOf, "/hub"),
        (heard) => heard.includes(`stream.checkpoint ${beat} {}`),
      )
      const last = await hub.publish({ topic: "busy", data: "2" })
      const before = hub
      hub = createHub({ log })
      await before.drain({ duration: 0 })
      await hub.publish({ topic: "quiet", data: "3" })
      const heard = await until(
        "it has come back",
        () => tab.evaluate(heardOf, "/hub"),
        (heard) => heard.some((each) => each.startsWith("message ")),
      )
      assert.equal(asked[1], last)
      assert.deepEqual(
        heard.filter((each) => each.startsWith("message ")).map((each) => each.split(" ")[2]),
        ["3"],
      )
    },
  )

  test(
    `a native EventSource in ${engine} calls onerror for an event named error, as docs/adapters.md warns, and reads on`,
    { skip: missing(engine) },
    async (t) => {
      const site = await servePage(t)
      site.on("/error", (req, res) =>
        sse(req, res, async function* () {
          yield { event: "error", data: "1" }
          yield "2"
        }),
      )
      const tab = await (await openBrowser(engine, t)).open(site.pageUrl())
      const heard = await tab.evaluate(
        (url) =>
          new Promise<string[]>((resolve) => {
            const source = new globalThis.EventSource(url)
            const heard: string[] = []
            source.onerror = (event) => heard.push(`onerror ${(event as MessageEvent<string>).data}`)
            source.onmessage = ({ data }: MessageEvent<string>) => {
              source.close()
              resolve([...heard, `onmessage ${data}`])
            }
          }),
        "/error",
      )
      assert.deepEqual(heard, ["onerror 1", "onmessage 2"])
    },
  )
}
