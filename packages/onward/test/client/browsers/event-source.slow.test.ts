import assert from "node:assert/strict"
import type { IncomingMessage, ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import { serveFaults } from "../fault-server.ts"
import { utf8 } from "../fault-request.ts"
import { shareBrowsers } from "./browser.ts"
import { ENGINES, missing } from "./find.ts"
import type { Heard } from "./in-page/in-page.ts"
import { servePage } from "./page-server.ts"
import type { Tab } from "./tab.ts"
import { until } from "./until.ts"
import "./in-page/globals.ts"

const openBrowser = shareBrowsers()

const REDIRECTS = [301, 302, 303, 307, 308]

const heardBy = (tab: Tab, name: string): Promise<Heard & { readyState: number }> =>
  tab.evaluate((name) => page.heard(name), name)

const dataOf = ({ events }: Heard): string[] => events.map(({ data }) => data)

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i + 1))

function openStream(res: ServerResponse): ServerResponse {
  return res.writeHead(200, { "content-type": "text/event-stream" })
}

for (const engine of ENGINES) {
  test(`EventSource in ${engine}`, { skip: missing(engine) }, async (t) => {
    const tab = await (await openBrowser(engine, t)).open("about:blank")

    /** A site of its own for each test, shown in the tab. */
    async function visit(t: TestContext, policy?: string) {
      const site = await servePage(t)
      await tab.goto(site.pageUrl(policy))
      return site
    }

    await t.test("every event arrives once and in order, over cuts, with the origin and the id of each", async (t) => {
      const site = await visit(t)
      await site.publish(3)
      await tab.evaluate(() => void page.listen("numbers", "/events", { reconnectionTime: 1, retry: { base: 1 } }))
      for (let round = 1; round <= 4; round++) {
        const heard = await until(
          "it heard all",
          () => heardBy(tab, "numbers"),
          ({ events }) => events.length >= round * 3,
        )
        assert.deepEqual(dataOf(heard), numbers(round * 3))
        assert.equal(heard.opens, round)
        assert.equal(heard.events[0]?.origin, site.origin)
        assert.equal(site.requests[round - 1]?.lastEventId, heard.events[round * 3 - 4]?.id)
        site.cut()
        await site.publish(3)
      }
      await tab.evaluate(() => page.closeAll())
      await until("it has left", () => site.open.length === 0)
    })

    await t.test("after an id that is not Latin-1 the request carries it as UTF-8", async (t) => {
      const site = await visit(t)
      const ids: (string | undefined)[] = []
      site.on("/ids", (req, res) => {
        ids.push(utf8(req.headers["last-event-id"] as string | undefined))
        openStream(res).write("retry: 1\nid: …é日本😀\ndata: x\n\n", () => ids.length < 3 && res.end())
      })
      await tab.evaluate(() => void page.listen("ids", "/ids"))
      const heard = await until(
        "it came back twice",
        () => heardBy(tab, "ids"),
        ({ events }) => events.length === 3,
      )
      // WebKitGTK takes the bytes of a header for characters, and encodes them again
      const sent = engine === "webkit" ? Buffer.from("…é日本😀").toString("latin1") : "…é日本😀"
      assert.deepEqual(ids, [undefined, sent, sent])
      assert.equal(heard.events[2]?.id, "…é日本😀")
    })

    await t.test("closed before its response, it aborts its request", async (t) => {
      const site = await visit(t)
      const [asked, left] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      site.on("/silence", (_, res) => {
        res.on("close", () => left.resolve())
        asked.resolve()
      })
      await tab.evaluate(() => void page.listen("silence", "/silence"))
      await asked.promise
      await tab.evaluate(() => page.closeAll())
      await left.promise
      assert.deepEqual(await heardBy(tab, "silence"), { opens: 0, events: [], errors: [], readyState: 2 })
    })

    await t.test("a POST with custom headers, created again for each attempt and after a 401", async (t) => {
      const site = await visit(t)
      const asked: unknown[] = []
      site.on("/ask", async (req, res) => {
        const { method, headers } = req
        asked.push([method, headers["content-type"], headers["x-attempt"], headers["accept"], await text(req)])
        if (asked.length === 1) res.writeHead(401).end()
        else if (asked.length === 2) openStream(res).end("retry: 1\nid: 1\ndata: 1\n\n")
        else openStream(res).write("data: 2\n\n")
      })
      await tab.evaluate(() => {
        page.listen("ask", "/ask", {
          method: "POST",
          headers: async ({ number }) => ({ "content-type": "application/json", "x-attempt": String(number) }),
          body: () => JSON.stringify({ q: "?" }),
        })
      })
      const heard = await until(
        "it was answered",
        () => heardBy(tab, "ask"),
        ({ events }) => events.length === 2,
      )
      assert.deepEqual(dataOf(heard), ["1", "2"])
      const wanted = (attempt: string) => ["POST", "application/json", attempt, "text/event-stream", '{"q":"?"}']
      assert.deepEqual(asked, [wanted("0"), wanted("1"), wanted("2")])
    })

    await t.test("over a redirect to another origin `authorization` is removed, and the id is sent", async (t) => {
      const site = await visit(t)
      const other = await serveFaults(
        t,
        async (exchange) => {
          await exchange.open()
          await exchange.write("data: there\n\n")
        },
        { cors: true },
      )
      const here: string[] = []
      for (const status of REDIRECTS) {
        let isFirst = true
        site.on(`/${status}`, (req: IncomingMessage, res: ServerResponse) => {
          here.push(`${status} ${req.headers["authorization"]}`)
          if (isFirst) openStream(res).end(`retry: 1\nid: ${status}\ndata: here\n\n`)
          else res.writeHead(status, { location: `${other.url}${status}` }).end()
          isFirst = false
        })
        await tab.evaluate((status) => {
          page.listen(String(status), `/${status}`, { headers: { authorization: "Bearer secret" } })
        }, status)
      }
      for (const status of REDIRECTS) {
        const heard = await until(
          `${status} leads there`,
          () => heardBy(tab, String(status)),
          ({ events }) => events.length === 2,
        )
        assert.deepEqual(dataOf(heard), ["here", "there"])
        assert.equal(heard.events[1]?.origin, new URL(other.url).origin)
      }
      assert.equal(here.filter((text) => text.endsWith("Bearer secret")).length, 2 * REDIRECTS.length)
      const there = other.requests.map(({ path, headers }) => [path, headers["last-event-id"]])
      assert.deepEqual(
        there.sort(([a = ""], [b = ""]) => a.localeCompare(b)),
        REDIRECTS.map((status) => [`/${status}`, String(status)]),
      )
      for (const { head } of other.requests) assert.doesNotMatch(head.toString(), /secret/)
    })

    await t.test(
      "with headers that browsers would forward, a redirect is refused before anything is sent",
      async (t) => {
        const site = await visit(t)
        const other = await serveFaults(t, (exchange) => exchange.open(), { cors: true })
        for (const status of REDIRECTS) {
          let isFirst = true
          site.on(`/${status}`, (_, res) => {
            if (isFirst) openStream(res).end(`retry: 1\nid: ${status}\ndata: here\n\n`)
            else res.writeHead(status, { location: other.url }).end()
            isFirst = false
          })
          await tab.evaluate((status) => {
            page.listen(String(status), `/${status}`, { headers: { "x-api-key": "secret" } })
          }, status)
        }
        for (const status of REDIRECTS) {
          const heard = await until(
            `${status} fails`,
            () => heardBy(tab, String(status)),
            (heard) => heard.readyState === 2,
          )
          assert.equal(heard.errors.at(-1)?.code, "redirect_refused")
          assert.deepEqual(dataOf(heard), ["here"])
        }
        assert.deepEqual([other.requests.length, other.preflights.length], [0, 0])
      },
    )

    await t.test("a policy that forbids connections is a network error, and nothing hangs", async (t) => {
      const site = await visit(t, "connect-src 'none'")
      await tab.evaluate(() => void page.listen("forbidden", "/events", { reconnectionTime: 1 }))
      const heard = await until(
        "it says so",
        () => heardBy(tab, "forbidden"),
        ({ errors }) => errors.length > 0,
      )
      assert.deepEqual(heard.errors[0], { readyState: 0, code: "network_error", status: 0 })
      assert.equal(heard.opens, 0)
      await tab.evaluate(() => page.closeAll())
      assert.equal(site.requests.length, 0)
    })

    await t.test("it works in a dedicated worker", async (t) => {
      const site = await visit(t)
      await site.publish(3)
      await tab.evaluate(() => {
        const worker = new Worker("/test/client/browsers/in-page/worker.ts", { type: "module" })
        const got: unknown[] = []
        worker.onmessage = ({ data }) => got.push(data)
        Object.assign(globalThis, { got })
      })
      const got = () => tab.evaluate(() => (globalThis as unknown as { got: string[] }).got)
      await until("the worker heard all", got, ({ length }) => length === 3)
      site.cut()
      await site.publish(3)
      assert.deepEqual(await until("the worker carried on", got, ({ length }) => length >= 6), numbers(6))
    })

    await t.test("it works in a page whose service worker responds, and disconnects when it is closed", async (t) => {
      const site = await visit(t)
      await tab.evaluate(async () => {
        await navigator.serviceWorker.register("/test/client/browsers/in-page/service-worker.ts", { scope: "/" })
        if (navigator.serviceWorker.controller) return
        await new Promise((resolve) => navigator.serviceWorker.addEventListener("controllerchange", resolve))
      })
      await site.publish(3)
      await tab.evaluate(() => void page.listen("numbers", "/events", { reconnectionTime: 1 }))
      await until(
        "it heard all",
        () => heardBy(tab, "numbers"),
        ({ events }) => events.length === 3,
      )
      site.cut()
      await site.publish(3)
      const heard = await until(
        "it carried on",
        () => heardBy(tab, "numbers"),
        ({ events }) => events.length >= 6,
      )
      assert.deepEqual(dataOf(heard), numbers(6))
      await tab.evaluate(() => page.closeAll())
      // Firefox does not tell a service worker that a page has gone until it ends that worker, half a minute later
      if (engine !== "firefox") await until("it has left", () => site.open.length === 0)
    })

    await t.test("a listener that throws does not affect others, and its error is reported to the page", async (t) => {
      const site = await visit(t)
      await tab.evaluate(() => {
        const reported = { count: 0 }
        Object.assign(globalThis, { reported })
        globalThis.addEventListener("error", () => reported.count++)
        const source = new onward.EventSource("/events")
        source.addEventListener("message", () => {
          throw new Error("mine")
        })
        page.hear("numbers", source)
      })
      await site.publish(2)
      await until(
        "the other heard all",
        () => heardBy(tab, "numbers"),
        ({ events }) => events.length === 2,
      )
      const reported = await tab.evaluate(() => (globalThis as unknown as { reported: { count: number } }).reported)
      assert.equal(reported.count, 2)
    })

    await t.test("it reads any stream of bytes to its end", async (t) => {
      await visit(t)
      await tab.evaluate(() => {
        const bytes = new TextEncoder().encode("id: 1\nevent: token\ndata: 日本\r\n\r\ndata: 2\n\ndata: cut")
        const stream = new ReadableStream<Uint8Array>({
          start(controller) {
            for (const byte of bytes) controller.enqueue(Uint8Array.of(byte))
            controller.close()
          },
        })
        page.hear("bytes", onward.EventSource.fromReadableStream(stream), ["token"])
      })
      const heard = await until(
        "it is over",
        () => heardBy(tab, "bytes"),
        ({ readyState }) => readyState === 2,
      )
      assert.deepEqual(heard.events, [
        { event: "token", data: "日本", id: "1", origin: "null" },
        { event: "message", data: "2", id: "1", origin: "null" },
      ])
    })
  })
}
