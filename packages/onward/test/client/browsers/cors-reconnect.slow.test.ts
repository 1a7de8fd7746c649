import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { test, type TestContext } from "node:test"
import { getRequestListener } from "@hono/node-server"
import express from "express"
import fastify from "fastify"
import { H3, toNodeHandler } from "h3"
import { Hono } from "hono"
import Koa from "koa"
import { sse as expressSse } from "../../../src/adapters/express.ts"
import { sse as fastifySse } from "../../../src/adapters/fastify.ts"
import { sse as h3Sse } from "../../../src/adapters/h3.ts"
import { sse as honoSse } from "../../../src/adapters/hono.ts"
import { sse as koaSse } from "../../../src/adapters/koa.ts"
import { sse } from "../../../src/adapters/node.ts"
import { createHub, type Hub } from "../../../src/index.ts"
import type { SseOptions } from "../../../src/server/index.ts"
import type { Followed, Heard } from "./in-page/in-page.ts"
import { shareBrowsers } from "./browser.ts"
import { missing } from "./find.ts"
import { numbers } from "./follow.ts"
import { servePage } from "./page-server.ts"
import { until } from "./until.ts"
import "./in-page/globals.ts"

const openBrowser = shareBrowsers()

/** Apps as their frameworks' guides write them: `app.get`, and no route for OPTIONS. */
const APPS: Readonly<Record<string, (source: () => ReturnType<Hub["subscribe"]>, options: SseOptions) => Serving>> = {
  "node:http": (source, options) =>
    createServer((req, res) => {
      if (req.method === "GET" && req.url?.startsWith("/events")) sse(req, res, source(), options)
      else res.writeHead(404).end()
    }),
  Express: (source, options) => {
    const app = express()
    app.get("/events", (req, res) => expressSse(req, res, source(), options))
    return createServer(app)
  },
  Hono: (source, options) => {
    const app = new Hono()
    app.get("/events", (c) => honoSse(c, source(), options))
    return createServer(getRequestListener(app.fetch))
  },
  async Fastify(source, options) {
    const app = fastify()
    app.get("/events", (request, reply) => fastifySse(request, reply, source(), options))
    await app.ready()
    return app.server
  },
  Koa: (source, options) => {
    const app = new Koa()
    // what @koa/router does
    app.use((ctx) => {
      if (ctx.method === "GET" && ctx.path === "/events") koaSse(ctx, source(), options)
    })
    return createServer(app.callback())
  },
  h3: (source, options) => {
    const app = new H3()
    app.get("/events", (event) => h3Sse(event, source(), options))
    return createServer(toNodeHandler(app) as RequestListener)
  },
}

type Serving = Server | Promise<Server>

/** A server of another origin than the page, whose connections can be cut. */
async function listen(t: TestContext, server: Server) {
  const sockets = new Set<Socket>()
  const requests: IncomingMessage[] = []
  const cut = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  server.on("request", (req) => requests.push(req))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    cut()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`, requests, cut }
}

/** Runs in the page: the browser's own EventSource. */
function listenNatively(url: string): void {
  const data: string[] = []
  const source = new globalThis.EventSource(url)
  source.onmessage = (event: MessageEvent<string>) => data.push(event.data)
  Object.assign(globalThis, { native: { data, source } })
}

/** Runs in the page: what each of its clients got. */
function gotInPage(): Record<string, readonly string[]> {
  const { native } = globalThis as unknown as { native: { data: string[] } }
  const stream: Followed = page.followed("stream")
  const source: Heard = page.heard("source")
  return { stream: stream.data, EventSource: source.events.map(({ data }) => data), native: native.data }
}

for (const [name, open] of Object.entries(APPS)) {
  test(
    `in Chromium, a page of another origin resumes exactly with ${name} and a route for GET alone`,
    { skip: missing("chromium") },
    async (t) => {
      const site = await servePage(t)
      const hub = createHub()
      t.after(() => hub.close())
      const subscribe = () => hub.subscribe({ topics: ["numbers"], from: "earliest" })
      const server = await open(subscribe, { cors: { origins: [site.origin] }, retry: 20 })
      const { url, requests, cut } = await listen(t, server)
      let published = 0
      const publish = async (count: number): Promise<void> => {
        for (const last = published + count; published < last;)
          await hub.publish({ topic: "numbers", data: ++published })
      }
      const tab = await (await openBrowser("chromium", t)).open(site.pageUrl())
      await publish(3)
      await tab.evaluate((url) => {
        page.follow("stream", `${url}?client=stream`, { retry: { base: 20, max: 20 } })
        page.listen("source", `${url}?client=EventSource`)
      }, url)
      await tab.evaluate(listenNatively, `${url}?client=native`)
      for (let cuts = 0; ; cuts++) {
        const expected = numbers(1, published)
        const got = await until(
          `${published} numbers have arrived, after ${cuts} cuts`,
          () => tab.evaluate(gotInPage),
          (got) => Object.values(got).every(({ length }) => length >= published),
        )
        assert.deepEqual(got, { stream: expected, EventSource: expected, native: expected })
        if (cuts === 3) break
        cut()
        // missed while they are disconnected
        await publish(3)
      }

      assert.deepEqual(new Set(requests.map(({ method }) => method)), new Set(["GET"]), "no preflight")
      for (const client of ["stream", "EventSource", "native"]) {
        const [first, ...again] = requests.filter(({ url }) => url?.includes(`client=${client}`))
        assert.doesNotMatch(first?.url ?? "", /last_event_id/)
        assert.ok(again.length >= 3, `${client} reconnected ${again.length} times`)
        for (const { url = "", headers } of again) {
          assert.equal(url.includes("last_event_id="), client !== "native", url)
          assert.equal(headers["last-event-id"] !== undefined, client === "native", url)
        }
      }
    },
  )
}
