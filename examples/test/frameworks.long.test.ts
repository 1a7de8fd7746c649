import assert from "node:assert/strict"
import { once } from "node:events"
import { join } from "node:path"
import { after, before, suite, test as nodeTest, type TestContext } from "node:test"
import { stream } from "onward/client"
import { http1 } from "../../packages/onward/test/adapters/clients.ts"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { apps, type App } from "./apps.ts"
import { build, startBuilt, type Built } from "./built.ts"
import { leaveThroughVite } from "./dev-server.ts"
import { compileExample, fetchFramework, placeFramework } from "./framework.ts"
import { LONG, sendHostileRequests, statusOf } from "./hostile.ts"
import { fetchSoon, Running, running } from "./running.ts"

/** Set by `npm run frameworks`, which runs those too that would take `npm run test:long` too long: all, or the named ones. */
const asked = process.env.ONWARD_FRAMEWORKS?.split(",")
const isAsked = (example: string, isInLong = false): boolean =>
  asked ? asked.includes("all") || asked.includes(example) : isInLong

for (const app of apps) if (isAsked(app.example, app.isInLong)) void suite(app.framework, () => casesOf(app))

if (isAsked("23-orpc"))
  nodeTest("oRPC: what a procedure publishes arrives on the stream beside it, and a client resumes", async () => {
    const folder = await fetchFramework("23-orpc")
    await placeFramework("23-orpc", folder)
    await compileExample("23-orpc", folder)
    const port = String(await reservePort())
    const origin = `http://127.0.0.1:${port}`
    const program = new Running(join(folder, "server.ts"), { PORT: port }, [], { isBuilt: true })
    await running(program, async (server) => {
      const say = async (text: string): Promise<string> => {
        const headers = { "content-type": "application/json" }
        const response = await fetchSoon(`${origin}/rpc/say`, {
          method: "POST",
          headers,
          body: JSON.stringify({ json: text }),
        })
        return ((await response.json()) as { json: { id: string } }).json.id
      }
      const lastEventId = await say("first")
      await say("missed")
      const events = stream(`${origin}/events`, { lastEventId })
      assert.equal((await events.next()).value?.data, "missed")
      const id = await say("live")
      assert.deepEqual((await events.next()).value?.id, id)
      events.close()
      await sendHostileRequests(server, Number(port))
      assert.equal(await statusOf(Number(port), "GET", "/events?last=x"), 400)
    })
  })

if (isAsked("26-vue-svelte-angular"))
  nodeTest(
    "Vue, Svelte and Angular: each recipe shows history and events, and disconnects when it is unmounted",
    async () => {
      const folder = await fetchFramework("26-vue-svelte-angular")
      await placeFramework("26-vue-svelte-angular", folder)
      await compileExample("26-vue-svelte-angular", folder, "node,svelte")
      const env = { NODE_OPTIONS: "--conditions=browser" }
      const program = new Running(join(folder, "recipes.ts"), env, [], { isBuilt: true })
      await running(program, async ({ process }) => {
        if (process.exitCode === null) await once(process, "exit")
        assert.equal(process.exitCode, 0, program.output)
      })
      for (const name of ["vue", "svelte", "angular"]) assert.match(program.output, new RegExp(`^${name}: ok$`, "m"))
    },
  )

// here, because a file of its own would fetch Vite once more
if (isAsked("17-sveltekit", true))
  nodeTest(
    "with the configuration of docs/troubleshooting.md, Vite's proxy tells each side that the other has gone",
    async (t) => {
      const folder = await fetchFramework("17-sveltekit").catch((error: unknown) =>
        t.skip(`it was not fetched: ${error}`),
      )
      if (folder !== undefined) await leaveThroughVite(t, folder)
    },
  )

function casesOf(app: App): void {
  let built: Built
  let missing: string | undefined
  before(async () => {
    const folder = await fetchFramework(app.example).catch((error: unknown) => void (missing = String(error)))
    if (folder === undefined) return
    await build(app, folder)
    built = await startBuilt(app, folder)
  })
  after(() => built?.stop())

  const test = (sentence: string, check: (t: TestContext) => Promise<void>): void =>
    void nodeTest(`${app.framework}: ${sentence}`, async (t) => {
      if (missing !== undefined) t.skip(`it was not fetched: ${missing}`)
      else await check(t)
    })

  test("its example keeps our client up to date over any number of connections", async () => {
    const publish = async (data: string): Promise<string> => {
      const headers = { "content-type": "application/json" }
      const response = await fetch(`${built.origin}/events`, { method: "POST", headers, body: JSON.stringify(data) })
      return ((await response.json()) as { id: string }).id
    }
    let lastEventId = await publish("first")
    for (const data of ["missed", "missed again"]) {
      await publish(data)
      const events = stream(`${built.origin}/events`, { lastEventId })
      assert.equal((await events.next()).value?.data, data)
      await publish("live")
      assert.equal((await events.next()).value?.data, "live")
      ;({ lastEventId } = events)
      events.close()
    }
  })

  test("the head is that of an event stream, and the first bytes arrive at once", async () => {
    const exchange = await built.ask({ path: "/stream/hub" })
    assert.equal(exchange.status, 200)
    assert.equal(exchange.headers["content-type"], "text/event-stream; charset=utf-8")
    assert.equal(exchange.headers["cache-control"], "no-store, no-transform")
    assert.equal(exchange.headers["x-accel-buffering"], "no")
    assert.equal(exchange.headers["content-length"], undefined)
    assert.equal(exchange.headers["content-encoding"], undefined)
    assert.equal(exchange.headers["transfer-encoding"], "chunked")
    await exchange.has("id:")
    assert.deepEqual(exchange.blocks[0], { comment: "heartbeat 15000" })
    exchange.leaveBy["closing the connection"]?.()
  })

  test("published messages reach every client, in order", async () => {
    const exchanges = await Promise.all([1, 2, 3].map(() => built.ask({ path: "/stream/hub" })))
    for (const exchange of exchanges) await exchange.has("id:")
    await built.publish("one")
    await built.publish("größe\n東京 🦊")
    for (const exchange of exchanges) {
      await exchange.has("🦊\n\n")
      assert.deepEqual(exchange.data, ["one", "größe\n東京 🦊"])
      exchange.leaveBy["closing the connection"]?.()
    }
  })

  test("a client resumes after its last event id, given by header or by query", async () => {
    const first = await built.publish("first")
    await built.publish("second")
    const resumes = [
      { path: "/stream/hub", headers: { "last-event-id": first } },
      { path: `/stream/hub?last_event_id=${encodeURIComponent(first)}` },
      { path: `/stream/hub?x=1&lastEventId=${encodeURIComponent(first)}` },
      { path: "/stream/hub?last=1" },
    ]
    for (const resume of resumes) {
      const exchange = await built.ask(resume)
      await exchange.has("second")
      assert.deepEqual(exchange.data, ["second"], JSON.stringify(resume))
      exchange.leaveBy["closing the connection"]?.()
    }
    const lost = await built.ask({ path: "/stream/hub", headers: { "last-event-id": "who knows" } })
    await lost.has("event: stream.gap")
    lost.leaveBy["closing the connection"]?.()
  })

  test("a custom source is streamed, and ends the stream when it ends", async () => {
    const exchange = await built.ask({ path: "/stream/words" })
    assert.equal(await exchange.over(), "ended")
    assert.deepEqual(exchange.data, ["one", "two", "three"])
    assert.deepEqual(exchange.blocks.at(-1), {
      event: "stream.end",
      retry: "86400000 ms",
      id: "stream.end",
      data: "{}",
    })
    const again = await built.ask({ path: "/stream/words", headers: { "last-event-id": "stream.end" } })
    assert.equal(again.status, 204)
  })

  test("a POST is streamed from its body", async () => {
    const exchange = await built.ask({ method: "POST", path: "/stream/words", body: "three little words" })
    assert.equal(exchange.status, 200)
    assert.equal(await exchange.over(), "ended")
    assert.deepEqual(exchange.data, ["three", "little", "words"])
  })

  for (const way of http1.ways) {
    test(`a source ends, once, and a hub removes the subscription, when the client disconnects by ${way}`, async () => {
      const { signals, returns } = await built.fate()
      const hub = await built.ask({ path: "/stream/hub" })
      const own = await built.ask({ path: "/stream/own" })
      const posted = await built.ask({ path: "/stream/own", method: "POST", body: "{}" })
      await hub.has("id:")
      await own.has("tick")
      await posted.has("tick")
      for (const exchange of [hub, own, posted]) exchange.leaveBy[way]?.()
      const fate = await built.becomes((now) => now.connections === 0 && now.returns >= returns + 2)
      assert.deepEqual([fate.signals, fate.returns], [signals + 2, returns + 2])
    })
  }

  test("detects in some way that a client has disconnected", async (t) => {
    const told: Record<string, string> = {}
    for (const method of ["GET", "POST"]) {
      const before = await built.fate()
      const exchange = await built.ask({ path: "/plain", method, ...(method === "POST" && { body: "read" }) })
      await exchange.has("tick\ntick")
      const { aborts } = await built.fate()
      exchange.leaveBy["closing the connection"]?.()
      await built.becomes((now) => now.cancels > before.cancels || now.aborts > aborts)
      const fate = await built.settles()
      told[method] = [
        ...(aborts > before.aborts ? ["signal too early"] : fate.aborts > aborts ? ["signal"] : []),
        ...(fate.cancels > before.cancels ? ["cancel"] : []),
      ].join(" and ")
    }
    const { GET, POST } = told
    t.diagnostic(`${app.framework} tells by ${GET === POST ? GET : `${GET}, once a POST was read ${POST}`}`)
  })

  test("an error before the stream is a 500 response, and clients do not learn the reason", async () => {
    const exchange = await built.ask({ path: "/stream/early" })
    assert.equal(exchange.status, 500)
    assert.equal(await exchange.over(), "ended")
    assert.doesNotMatch(exchange.text, /hunter2/)
  })

  test("an error in the stream is stream.error, and clients do not learn the reason", async () => {
    const exchange = await built.ask({ path: "/stream/late" })
    assert.equal(await exchange.over(), "ended")
    assert.match(exchange.text, /data: one\n\nevent: stream\.error\n/)
    assert.doesNotMatch(exchange.text, /hunter2/)
  })

  const slow = app.lacksBackpressure
    ? `lacks "slow reader": a source is pulled to its end though its client does not read`
    : `a source is not pulled while its client does not read`
  test(slow, async () => {
    const exchange = await built.ask({ path: "/stream/large", reads: false })
    const { pulled } = await built.settles()
    if (app.lacksBackpressure) assert.equal(pulled, 64, "it has learnt to wait: take it out of what it lacks")
    else assert.ok(pulled < 40, `${pulled} of 64 MiB for a client that reads nothing`)
    exchange.leaveBy["closing the connection"]?.()
  })

  test("HEAD has the head and no body, and other methods are refused", async () => {
    const head = await built.ask({ path: "/stream/hub", method: "HEAD" })
    assert.equal(head.status, 200)
    assert.equal(head.headers["content-type"], "text/event-stream; charset=utf-8")
    assert.equal(await head.over(), "ended")
    assert.equal(head.text, "")
    const { connections } = await built.fate()
    assert.equal(connections, 0)
  })

  test("only pages of listed origins can read, and their responses say so", async () => {
    for (const origin of ["https://app.example", "https://evil.example"]) {
      const expected = origin.includes("app") ? origin : undefined
      const exchange = await built.ask({ path: "/stream/hub", headers: { origin } })
      assert.equal(exchange.headers["access-control-allow-origin"], expected)
      exchange.leaveBy["closing the connection"]?.()
      const preflight = await built.ask({
        path: "/stream/hub",
        method: "OPTIONS",
        headers: { origin, "access-control-request-method": "POST" },
      })
      assert.equal(preflight.headers["access-control-allow-origin"], expected)
    }
  })

  test("no request ends the process, and the example reports mistakes of the client as such", async () => {
    // what they say to targets that no browser sends is theirs
    await sendHostileRequests(built.program, Number(new URL(built.origin).port), 599)
    for (const query of ["last=-1", "last=x", "since=never", `last_event_id=${LONG}`]) {
      assert.equal((await built.ask({ path: `/events?${query}` })).status, 400, query)
    }
  })

  test("a hub that drains ends its streams with a reconnection time, and accepts no new ones", async () => {
    const exchanges = await Promise.all([1, 2, 3].map(() => built.ask({ path: "/stream/hub" })))
    for (const exchange of exchanges) await exchange.has("id:")
    await built.drain()
    for (const exchange of exchanges) {
      assert.equal(await exchange.over(), "ended")
      assert.match(exchange.text, /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
    }
    const late = await built.ask({ path: "/stream/hub" })
    assert.equal(late.status, 503)
    assert.match(late.headers["retry-after"] ?? "", /^[1-5]$/)
  })

  test("SIGTERM ends the streams of its example with a reconnection time, and then the process", async () => {
    const exchange = await built.ask({ path: "/events" })
    await exchange.has("data: {}\n\n")
    const exited = built.terminate()
    assert.equal(await exchange.over(), "ended")
    assert.match(exchange.text, /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
    await exited
  })
}
