import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { test, type TestContext } from "node:test"
import { promisify } from "node:util"
import { stream } from "onward/client"
import { runtimeOf } from "../../../../scripts/runtime.ts"
import { eventually } from "./exchange.ts"
import { missing, serving, type RuntimeServer } from "./runtime-servers.ts"

const FRAMEWORKS: Readonly<Record<string, readonly string[]>> = {
  bun: ["web", "hono", "h3"],
  deno: ["web", "hono", "h3"],
  // in a Durable Object
  workerd: ["web"],
}

for (const [runtime, frameworks] of Object.entries(FRAMEWORKS)) {
  const skip = missing(runtime)
  for (const framework of frameworks) {
    const start = (t: TestContext): Promise<RuntimeServer> => serving(t, runtime, framework)

    test(`${framework} on ${runtime}: every client receives the published events, and resumes`, { skip }, async (t) => {
      const { ask, publish } = await start(t)
      for (const method of ["GET", "POST"]) {
        const exchange = await ask({ path: "/stream/hub", method, ...(method === "POST" && { body: "{}" }) })
        assert.equal(exchange.status, 200)
        assert.equal(exchange.headers["content-type"], "text/event-stream; charset=utf-8")
        assert.equal(exchange.headers["cache-control"], "no-store, no-transform")
        await exchange.has("id:")
        const first = await publish("first")
        await publish("größe 🦊")
        await exchange.has("🦊")
        assert.deepEqual(exchange.data, ["first", "größe 🦊"])
        const resumed = await ask({ path: "/stream/hub", headers: { "last-event-id": first } })
        await resumed.has("🦊")
        assert.deepEqual(resumed.data, ["größe 🦊"])
      }
    })

    test(
      `${framework} on ${runtime}: a client can disconnect in every way, and its source ends once`,
      { skip },
      async (t) => {
        const { ask, fate, ways } = await start(t)
        for (const [index, way] of ways.entries()) {
          const hub = await ask({ path: "/stream/hub" })
          const own = await ask({ path: "/stream/own" })
          await hub.has("id:")
          await own.has("tick")
          hub.leaveBy[way]?.()
          own.leaveBy[way]?.()
          await fate((now) => now.connections === 0 && now.signals === index + 1 && now.returns === index + 1)
        }
      },
    )

    test(`${framework} on ${runtime}: errors, HEAD and CORS are the same as on Node`, { skip }, async (t) => {
      const { ask } = await start(t)
      const early = await ask({ path: "/stream/early" })
      assert.equal(early.status, 500)
      assert.equal(await early.over(), "ended")
      const late = await ask({ path: "/stream/late" })
      assert.equal(await late.over(), "ended")
      assert.match(late.text, /data: one\n\nevent: stream\.error\n/)
      for (const { text } of [early, late]) assert.doesNotMatch(text, /hunter2/)
      const head = await ask({ path: "/stream/hub", method: "HEAD" })
      assert.equal(head.status, 200)
      assert.equal(await head.over(), "ended")
      assert.equal(head.text, "")
      const preflight = await ask({
        path: "/stream/hub",
        method: "OPTIONS",
        headers: { origin: "https://app.example", "access-control-request-method": "POST" },
      })
      assert.equal(preflight.headers["access-control-allow-origin"], "https://app.example")
    })

    test(
      `${framework} on ${runtime}: our client is kept up to date over any number of connections`,
      { skip },
      async (t) => {
        const { origin, publish } = await start(t)
        let lastEventId = await publish("zero")
        for (const data of ["one", "two", "three", "four"]) {
          await publish(data)
          const events = stream(`${origin}/stream/hub`, {
            lastEventId,
            ...(data === "four" && { body: { prompt: "?" } }),
          })
          assert.equal((await events.next()).value?.data, data)
          await publish(`${data}, live`)
          assert.equal((await events.next()).value?.data, `${data}, live`)
          ;({ lastEventId } = events)
          events.close()
        }
      },
    )
  }
}

/** How a runtime runs a file of tests. */
const TESTERS: Readonly<Record<string, readonly string[]>> = {
  bun: ["test", "--conditions=onward-source"],
  deno: ["test", "--allow-all", "--no-check", "--conditions=onward-source"],
}

for (const [runtime, args] of Object.entries(TESTERS)) {
  const skip = missing(runtime)

  test(
    `web on ${runtime}: a body that a program reads has the limits, errors and ends of Node's`,
    { skip },
    async () => {
      const file = new URL("web.test.ts", import.meta.url).pathname
      await promisify(execFile)(runtimeOf(runtime) as string, [...args, file])
    },
  )

  test(
    `web on ${runtime}: a client that reads nothing stops being live, and receives everything when it reads`,
    { skip },
    async (t) => {
      const { ask, publish, fate } = await serving(t, runtime, "web")
      const slow = await ask({ path: "/stream/hub", reads: false })
      await fate(({ live }) => live === 1)
      // the kernel takes some MB for it
      const isLive = async (): Promise<boolean> => (await fate(() => true)).live === 1
      let sent = 0
      while (sent < 500 && (await isLive())) await publish(`${sent++} `.padEnd(100_000, "x"))
      assert.ok(sent < 500, "it was written 50 MB that it did not read")
      await publish("last")
      slow.read()
      // looking into megabytes as they arrive would take seconds
      await eventually("most of it to arrive", () => slow.length > sent * 100_000)
      await fate(({ live }) => live === 1)
      await slow.has("data: last\n\n")
      assert.deepEqual(
        slow.data.map((data) => data.split(" ")[0]),
        [...Array.from({ length: sent }, (_, i) => String(i)), "last"],
      )
    },
  )
}

for (const framework of ["web", "hono", "h3"]) {
  const skip = missing("bun")
  test(`${framework} on bun: a silent stream stays open, where Bun closes a silent response`, { skip }, async (t) => {
    const { ask, publish } = await serving(t, "bun", framework)
    const stream = await ask({ path: "/stream/hub" })
    const plain = await ask({ path: "/silent" })
    await stream.has("id:")
    // Bun looks every few seconds
    assert.equal(await plain.over(), "cut")
    await publish("still there")
    await stream.has("still there")
  })
}

test(
  "in a Worker itself, custom sources stream, and a hub reaches only clients of the same request",
  { skip: missing("workerd") },
  async (t) => {
    const { ask, fate, origin } = await serving(t, "workerd", "web")
    const own = await ask({ path: "/plain/stream/own" })
    await own.has("data: tick\n\ndata: tick")
    const waiting = await ask({ path: "/plain/stream/hub" })
    await waiting.has("id:")
    const position = /^id: (.*)$/m.exec(waiting.text)?.[1] ?? ""
    await (await fetch(`${origin}/plain/publish`, { method: "POST", body: "heard by none" })).json()
    const asking = await ask({ path: "/plain/stream/hub", headers: { "last-event-id": position } })
    await asking.has("heard by none")
    assert.deepEqual(waiting.data, [])
    own.leaveBy["closing the connection"]?.()
    await fate(({ signals }) => signals === 1, "/plain")
  },
)
