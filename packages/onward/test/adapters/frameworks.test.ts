import assert from "node:assert/strict"
import { Writable } from "node:stream"
import http from "node:http"
import { test } from "node:test"
import { getRequestListener } from "@hono/node-server"
import compression from "compression"
import express from "express"
import fastify, { type FastifyInstance } from "fastify"
import { H3, toNodeHandler } from "h3"
import { Hono } from "hono"
import { compress } from "hono/compress"
import { cors } from "hono/cors"
import Koa from "koa"
import { createHub } from "onward"
import { sse as expressSse } from "onward/express"
import { sse as fastifySse, ssePlugin } from "onward/fastify"
import { sse as h3Sse } from "onward/h3"
import { sse as honoSse } from "onward/hono"
import { sse as koaSse, type Source } from "onward/koa"
import { http1 } from "./clients.ts"
import { eventually } from "./exchange.ts"
import { run, type Running } from "./rig.ts"

const SECRET = "the password is hunter2"

const one: Source = async function* () {
  yield "one"
}

const failing: Source = async function* () {
  yield "one"
  throw new Error(SECRET)
}

async function withListener(
  listener: http.RequestListener,
  use: (ask: Running["ask"]) => Promise<void>,
): Promise<void> {
  const { ask, close } = await run(http.createServer(listener), http1)
  try {
    await use(ask)
  } finally {
    await close()
  }
}

/** A Fastify app that writes its log to `lines`. */
function logging(lines: string[]): FastifyInstance {
  const stream = new Writable({
    write(line: Buffer, _encoding, done) {
      lines.push(line.toString())
      done()
    },
  })
  return fastify({ logger: { stream } })
}

async function withApp(app: FastifyInstance, use: (ask: Running["ask"]) => Promise<void>): Promise<void> {
  await app.ready()
  const { ask, close } = await run(app.server, http1)
  try {
    await use(ask)
  } finally {
    await close()
    await app.close()
  }
}

test("express: headers of middleware are sent with the stream, and compression does not buffer it", async () => {
  const app = express()
  app.use(compression({ threshold: 0 }))
  app.use((_req, res, next) => {
    res.setHeader("x-before", "kept")
    res.cookie("session", "1")
    next()
  })
  app.get("/users/:id/events", (req, res) => expressSse(req, res, one, { headers: { "x-user": req.params.id } }))
  await withListener(app, async (ask) => {
    const exchange = await ask({ path: "/users/7/events", headers: { "accept-encoding": "gzip" } })
    assert.equal(exchange.headers["x-before"], "kept")
    assert.equal(exchange.headers["x-user"], "7")
    assert.equal(exchange.headers["set-cookie"], "session=1; Path=/")
    assert.equal(exchange.headers["content-encoding"], undefined)
    assert.equal(await exchange.over(), "ended")
    assert.deepEqual(exchange.data, ["one"])
  })
})

test("express: a source can read a body that express.json has parsed", async () => {
  const app = express()
  app.use(express.json())
  app.post("/ask", (req: express.Request<object, unknown, { prompt: string }>, res) => {
    const { prompt } = req.body
    expressSse(req, res, async function* () {
      for (const word of prompt.split(" ")) yield word
    })
  })
  await withListener(app, async (ask) => {
    const exchange = await ask({ method: "POST", path: "/ask", body: JSON.stringify({ prompt: "three little words" }) })
    assert.equal(await exchange.over(), "ended")
    assert.deepEqual(exchange.data, ["three", "little", "words"])
  })
})

test("hono: headers of c.header and middleware are sent with the stream, and compress does not buffer it", async () => {
  const app = new Hono<{ Variables: { user: string } }>()
  app.use(compress({ threshold: 0 }))
  app.use(cors({ origin: "https://app.example" }))
  app.use(async (c, next) => {
    c.set("user", "ann")
    await next()
    c.header("x-after", "added")
  })
  app.get("/events/:room", (c) => {
    c.header("x-before", `${c.get("user")} in ${c.req.param("room")}`)
    c.header("set-cookie", "session=1")
    return honoSse(c, one)
  })
  await withListener(getRequestListener(app.fetch), async (ask) => {
    const exchange = await ask({
      path: "/events/kitchen",
      headers: { origin: "https://app.example", "accept-encoding": "gzip" },
    })
    assert.equal(exchange.headers["x-before"], "ann in kitchen")
    assert.equal(exchange.headers["x-after"], "added")
    assert.equal(exchange.headers["content-encoding"], undefined)
    assert.equal(exchange.headers["set-cookie"], "session=1")
    assert.equal(exchange.headers["access-control-allow-origin"], "https://app.example")
    assert.equal(exchange.headers["content-type"], "text/event-stream; charset=utf-8")
    assert.equal(await exchange.over(), "ended")
    assert.deepEqual(exchange.data, ["one"])
  })
})

test("hono: a runtime that closes silent responses keeps the stream open", async () => {
  const app = new Hono()
  app.get("/", (c) => honoSse(c, one))
  for (const wrap of [(server: object) => server, (server: object) => ({ server })]) {
    const told: unknown[] = []
    const request = new Request("http://localhost/")
    const response = await app.fetch(request, wrap({ timeout: (...args: unknown[]) => told.push(args) }))
    await response.text()
    assert.deepEqual(told, [[request, 0]])
  }
  for (const env of [null, "", { server: null }, { server: "" }, {}, { server: { timeout: 10 } }]) {
    const response = await app.fetch(new Request("http://localhost/"), env)
    assert.match(await response.text(), /data: one/)
  }
})

test("hono: nothing is logged when a client disconnects", async (t) => {
  const logged: unknown[] = []
  for (const kind of ["error", "info", "warn"] as const) {
    t.mock.method(console, kind, (...args: unknown[]) => logged.push(args))
  }
  const hub = createHub()
  t.after(() => hub.close())
  const app = new Hono()
  app.get("/", (c) => honoSse(c, hub.subscribe({ topics: ["a"] })))
  await withListener(getRequestListener(app.fetch), async (ask) => {
    for (const way of http1.ways) {
      const exchange = await ask()
      await exchange.has("id:")
      exchange.leaveBy[way]?.()
      await eventually("it is forgotten", () => hub.stats().connections === 0)
    }
  })
  assert.deepEqual(logged, [])
})

test("fastify: hooks run, headers on the reply are kept, and failures are in the log, not on the wire", async () => {
  const lines: string[] = []
  const hooks: string[] = []
  const app = logging(lines)
  app.addHook("onRequest", async (_request, reply) => {
    hooks.push("onRequest")
    reply.header("x-before", "kept")
  })
  app.addHook("preHandler", async () => void hooks.push("preHandler"))
  app.addHook("onResponse", async () => void hooks.push("onResponse"))
  app.get("/events", (request, reply) => fastifySse(request, reply, failing))
  app.get("/async", async (request, reply) => fastifySse(request, reply, failing))
  await withApp(app, async (ask) => {
    for (const path of ["/events", "/async"]) {
      const exchange = await ask({ path })
      assert.equal(exchange.headers["x-before"], "kept")
      assert.equal(await exchange.over(), "ended")
      assert.match(exchange.text, /event: stream\.error/)
      assert.ok(!exchange.text.includes("hunter2"))
    }
    await eventually("the hooks ran", () => hooks.length === 6)
  })
  assert.deepEqual(hooks.slice(0, 3), ["onRequest", "preHandler", "onResponse"])
  assert.equal(lines.filter((line) => line.includes("hunter2")).length, 2)
  assert.equal(lines.filter((line) => line.includes("request completed")).length, 2)
})

test("fastify: a route with the option `sse` streams what its handler returns", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  await hub.publish({ topic: "news", data: "kept" })
  const app = fastify()
  await app.register(ssePlugin)
  app.get("/events", { sse: { retry: 500 } }, () => hub.subscribe({ topics: ["news"] }))
  app.get("/nothing", { sse: true }, async () => null)
  app.get("/closed", { sse: true }, async (_request, reply) => reply.code(401).send("who are you?"))
  app.get("/broken", { sse: true }, () => {
    throw Object.assign(new Error("teapot"), { statusCode: 418 })
  })
  app.get("/usual", () => "as ever")
  await app.register(async (child) => {
    child.get("/child", { sse: true }, () => one)
  })
  await withApp(app, async (ask) => {
    const exchange = await ask({ path: "/events?last_event_id=earliest" })
    await exchange.has("data: kept")
    assert.equal(exchange.blocks[1]?.retry, "500")
    const head = await ask({ path: "/events", method: "HEAD" })
    assert.equal(head.headers["content-type"], "text/event-stream; charset=utf-8")
    assert.equal(await head.over(), "ended")
    const child = await ask({ path: "/child" })
    assert.equal(await child.over(), "ended")
    assert.deepEqual(child.data, ["one"])
    assert.equal((await ask({ path: "/nothing" })).status, 204)
    assert.equal((await ask({ path: "/closed" })).status, 401)
    assert.equal((await ask({ path: "/broken" })).status, 418)
    const usual = await ask({ path: "/usual" })
    await usual.has("as ever")
  })
})

test("fastify: an app that closes first drains its streams, from a hub and from custom sources", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const app = fastify()
  await app.register(ssePlugin, { hub, duration: 20 })
  let returns = 0
  app.get("/hub", (request, reply) => fastifySse(request, reply, hub.subscribe({ topics: ["a"] })))
  app.get(
    "/own",
    { sse: true },
    () =>
      async function* ({ signal }: { signal: AbortSignal }) {
        yield "begun"
        await new Promise((resolve) => signal.addEventListener("abort", resolve))
        returns++
      },
  )
  await app.listen({ host: "127.0.0.1", port: 0 })
  const { port } = app.server.address() as { port: number }
  const ofHub = await http1.ask(port, { path: "/hub" })
  const own = await http1.ask(port, { path: "/own" })
  await ofHub.has("id:")
  await own.has("begun")
  await app.close()
  assert.equal(await ofHub.over(), "ended")
  assert.match(ofHub.text, /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
  assert.equal(await own.over(), "ended")
  await eventually("the source was returned", () => returns === 1)
})

test("koa: headers of ctx.set are kept, and failures are the app's `error` event", async () => {
  const errors: unknown[] = []
  const app = new Koa()
  app.on("error", (error: unknown) => errors.push(error))
  app.use(async (ctx, next) => {
    ctx.set("x-before", "kept")
    await next()
  })
  app.use((ctx) => koaSse(ctx, failing))
  await withListener(app.callback(), async (ask) => {
    const exchange = await ask()
    assert.equal(exchange.headers["x-before"], "kept")
    assert.equal(await exchange.over(), "ended")
    assert.match(exchange.text, /event: stream\.error/)
  })
  assert.deepEqual(errors.map(String), [`Error: ${SECRET}`])
})

test("h3: headers on event.res are sent with the stream", async () => {
  const app = new H3()
  app.use((event) => void event.res.headers.set("x-before", "kept"))
  app.get("/events", (event) => h3Sse(event, one))
  await withListener(toNodeHandler(app), async (ask) => {
    const exchange = await ask({ path: "/events" })
    assert.equal(exchange.headers["x-before"], "kept")
    assert.equal(exchange.headers["content-type"], "text/event-stream; charset=utf-8")
    assert.equal(await exchange.over(), "ended")
    assert.deepEqual(exchange.data, ["one"])
  })
})

test("the framework responds to a misuse, and no request hangs", async () => {
  const misuse = { heartbeats: 1 } as object
  const expressed = express()
  expressed.get("/", (req, res) => expressSse(req, res, one, misuse))
  expressed.use(((_error, _req, res, _next) => void res.status(500).end("express")) as express.ErrorRequestHandler)
  await withListener(expressed, async (ask) => {
    const exchange = await ask()
    await exchange.has("express")
    assert.equal(exchange.status, 500)
  })
  const koa = new Koa()
  koa.on("error", () => {})
  koa.use((ctx) => koaSse(ctx, one, misuse))
  await withListener(koa.callback(), async (ask) => assert.equal((await ask()).status, 500))
  const app = fastify()
  app.get("/", (request, reply) => fastifySse(request, reply, one, misuse))
  await withApp(app, async (ask) => assert.equal((await ask()).status, 500))
  const hono = new Hono()
  hono.get("/", (c) => honoSse(c, one, misuse))
  hono.onError((_error, c) => c.text("hono", 500))
  await withListener(getRequestListener(hono.fetch), async (ask) => assert.equal((await ask()).status, 500))
  const h3 = new H3({ silent: true })
  h3.get("/", (event) => h3Sse(event, one, misuse))
  await withListener(toNodeHandler(h3), async (ask) => assert.equal((await ask()).status, 500))
})
