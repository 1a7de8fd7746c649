import assert from "node:assert/strict"
import { createServer } from "node:http"
import { test } from "node:test"
import express from "express"
import session from "express-session"
import { createHub } from "onward"
import { sse } from "onward/express"
import { http1 } from "./clients.ts"
import { eventually } from "./exchange.ts"
import { run } from "./rig.ts"

declare module "express-session" {
  interface SessionData {
    user: string
    streams: number
  }
}

/** Logs in, opens a stream, logs out, and lets the hub end the stream; returns which sessions the store has after that. */
async function sessionsAfterLogout(resave: boolean): Promise<readonly string[]> {
  const hub = createHub()
  const store = new session.MemoryStore()
  const app = express()
  app.use(session({ store, secret: "x", resave, saveUninitialized: false, name: "sid" }))
  app.post("/login", (req, res) => {
    req.session.user = "ada"
    res.end()
  })
  app.get("/events", (req, res) => sse(req, res, hub.subscribe({ topics: [`user/${req.session.user}`] })))
  app.post("/logout", (req, res) => req.session.destroy(() => res.end()))
  const keys = (): Promise<string[]> =>
    new Promise((resolve, reject) =>
      store.all?.((error: Error | undefined, all) => (error ? reject(error) : resolve(Object.keys(all ?? {})))),
    )
  const { ask, close } = await run(createServer(app), http1)
  try {
    const login = await ask({ method: "POST", path: "/login" })
    const headers = { cookie: login.headers["set-cookie"]?.split(";")[0] ?? "" }
    assert.equal((await keys()).length, 1)
    const stream = await ask({ path: "/events", headers })
    await eventually("it is live", () => hub.stats().live === 1)
    await (await ask({ method: "POST", path: "/logout", headers })).over()
    assert.deepEqual(await keys(), [])
    await hub.drain({ duration: 0 })
    assert.equal(await stream.over(), "ended")
    return await keys()
  } finally {
    await close()
    await hub.close()
  }
}

test("express-session with resave: false: a stream that ends after a logout does not restore the session", async () => {
  assert.deepEqual(await sessionsAfterLogout(false), [])
})

test("express-session with resave: true saves the session of a stream again when it ends, as docs/adapters.md warns", async () => {
  assert.equal((await sessionsAfterLogout(true)).length, 1)
})

test("express-session saves changes by the handler of a stream when the stream ends, as docs/adapters.md warns", async () => {
  const hub = createHub()
  const store = new session.MemoryStore()
  const app = express()
  app.use(session({ store, secret: "x", resave: false, saveUninitialized: false, name: "sid" }))
  app.get("/events", (req, res) => {
    req.session.streams = (req.session.streams ?? 0) + 1
    sse(req, res, hub.subscribe({ topics: ["a"] }))
  })
  app.get("/streams", (req, res) => void res.end(String(req.session.streams)))
  const { ask, close } = await run(createServer(app), http1)
  try {
    const stream = await ask({ path: "/events" })
    const headers = { cookie: stream.headers["set-cookie"]?.split(";")[0] ?? "" }
    const counted = async (): Promise<string> => {
      const exchange = await ask({ path: "/streams", headers })
      await exchange.over()
      return exchange.text
    }
    assert.equal(await counted(), "undefined")
    await hub.drain({ duration: 0 })
    assert.equal(await stream.over(), "ended")
    assert.equal(await counted(), "1")
  } finally {
    await close()
    await hub.close()
  }
})
