import assert from "node:assert/strict"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { ask, asking, bearer, DIALECTS, mercureHub, open, send, tokenOf } from "./mercure-hub.ts"

const TOPIC = "https://example.com/books/1"

test("subscribing to a Mercure hub", async (t) => {
  const hub = await mercureHub(t)
  let count = 0
  /** Publishes to topics in order; each stream tells its last one. */
  const publish = async (...topics: readonly string[]): Promise<void> => {
    for (const topic of topics)
      assert.equal(
        (
          await send(hub, 0, [
            ["topic", topic],
            ["data", topic],
          ])
        ).status,
        200,
      )
  }
  const end = (): string => `https://example.com/end/${++count}`

  await t.test("1: exact topics, several selectors and * are streamed, each update once", async (t) => {
    for (const dialect of DIALECTS) {
      const last = end()
      const exact = await open(t, hub, asking(dialect, TOPIC, "https://example.com/b", last))
      const every = await open(t, hub, asking(dialect, "*", TOPIC))
      await publish("https://example.com/c", TOPIC, "https://example.com/b", last)
      assert.deepEqual(await exact.until(last), [TOPIC, "https://example.com/b"])
      assert.deepEqual(await every.until(last), ["https://example.com/c", TOPIC, "https://example.com/b"])
    }
  })

  await t.test("2: a URI template selects in 0.x, and with match_exact it is a plain text", async (t) => {
    const last = end()
    const template = "https://example.com/books/{id}"
    const zero = await open(t, hub, asking(0, template, last))
    const one = await open(t, hub, asking(1, template, last))
    await publish("https://example.com/books/1", "https://example.com/books/1/x", template, last)
    assert.deepEqual(await zero.until(last), ["https://example.com/books/1", template])
    assert.deepEqual(await one.until(last), [template])
  })

  await t.test("3 and 4: URL patterns select, relative to the hub's own URL", async (t) => {
    const last = end()
    const query = `match_urlpattern=/shelf/:id&match_urlpattern=${encodeURIComponent("https://example.com/a{/:b}?")}&match=${last}`
    const stream = await open(t, hub, query)
    const topics = ["https://hub.example.com/shelf/1", "https://example.com/shelf/1", "shelf/1", "/shelf/2"]
    await publish(...topics, "https://example.com/a/1", "https://example.com/a", "https://example.com/a/1/2", last)
    assert.deepEqual(await stream.until(last), [
      "https://hub.example.com/shelf/1",
      "/shelf/2",
      "https://example.com/a/1",
      "https://example.com/a",
    ])
  })

  await t.test("5: a request without a selector is refused with one plain line", async () => {
    for (const query of ["", "?other=1", "?topicx=1"]) {
      const { status, text, headers } = await ask(hub.hub + query)
      assert.equal(status, 400)
      assert.equal(headers.get("content-type"), "text/plain; charset=utf-8")
      assert.match(text, /^Missing "topic" parameter\.$/)
    }
  })

  await t.test("6: names that begin with match are reserved in 1.0, in any case", async () => {
    for (const name of ["match_foo", "MATCH", "matchUrlPattern", "matchURLPattern", "Match", "match[]"]) {
      assert.equal((await ask(`${hub.hub}?match=a&${encodeURIComponent(name)}=b`)).status, 400, name)
      assert.equal((await ask(`${hub.hub}?${encodeURIComponent(name)}=b`)).status, 400, name)
    }
    assert.equal((await ask(`${hub.hub}?match=a&matc=b`)).status, 200)
  })

  await t.test("7: a request of 0.x may have names that begin with match", async () => {
    assert.equal((await ask(`${hub.hub}?topic=a&matchday=1`)).status, 200)
  })

  await t.test("8: control and format characters, and bytes that are not UTF-8, are refused in selectors", async () => {
    for (const dialect of DIALECTS) {
      const name = dialect === 0 ? "topic" : "match"
      for (const value of ["a%00", "a%0Ab", "%7F", "%C2%85", "%E2%80%8B", "%E2%80%AE", "%FF", "%C3", "%zz", ""]) {
        assert.equal((await ask(`${hub.hub}?${name}=${value}`)).status, 400, `${name}=${value}`)
      }
    }
  })

  await t.test("9: 1,000 selectors fit, 1,001 and one of 4,097 bytes do not", async () => {
    const many = (count: number): string =>
      Array.from({ length: count }, (_, i) => `match=https://e.com/${i}`).join("&")
    assert.equal((await ask(`${hub.hub}?${many(1_000)}`)).status, 200)
    assert.equal((await ask(`${hub.hub}?${many(1_001)}`)).status, 400)
    assert.equal((await ask(`${hub.hub}?topic=${"x".repeat(4_096)}`)).status, 200)
    assert.equal((await ask(`${hub.hub}?topic=${"x".repeat(4_097)}`)).status, 400)
  })

  await t.test(
    "10: QUERY unites query and body, the query's cursor counts first, and only forms are read",
    async () => {
      const form = { "content-type": "application/x-www-form-urlencoded" }
      const query = (body: string, headers: Record<string, string> = form, search = ""): ReturnType<typeof ask> =>
        ask(hub.hub + search, { method: "QUERY", headers, body })
      const both = await query("match=b&last_event_id=nothing", form, "?match=a&last_event_id=earliest")
      assert.equal(both.status, 200)
      assert.equal(both.headers.get("mercure-last-event-id"), "earliest")
      const wrong = await query("{}", { "content-type": "application/json" })
      assert.equal(wrong.status, 415)
      assert.equal(wrong.headers.get("accept-query"), "application/x-www-form-urlencoded")
      assert.equal((await query(`match=a&x=${"y".repeat(1024 ** 2)}`)).status, 413)
      assert.equal((await query("")).status, 400)
      assert.equal((await query(`match=a&match=a${"&x".repeat(1_998)}`)).status, 200)
      assert.match((await query(`match=a${"&x".repeat(2_000)}`)).text, /more than 2000 parameters/)
    },
  )

  await t.test("11: HEAD has the head of the stream and opens none", async () => {
    const { status, headers } = await ask(`${hub.hub}?match=a&last_event_id=earliest`, { method: "HEAD" })
    assert.equal(status, 200)
    assert.equal(headers.get("content-type"), "text/event-stream; charset=utf-8")
    assert.equal(headers.get("cache-control"), "private, no-cache, no-store, no-transform")
    assert.equal(headers.get("x-accel-buffering"), "no")
    assert.equal(headers.get("mercure-last-event-id"), "earliest")
    assert.equal((await ask(hub.hub, { method: "HEAD" })).status, 400)
  })

  await t.test("12: a request of 1.0 may have templates in topic too", async (t) => {
    const last = end()
    const stream = await open(t, hub, `topic=${encodeURIComponent("https://example.com/t/{id}")}&match=${last}`)
    assert.equal(stream.response.headers.has("last-event-id"), false)
    await publish("https://example.com/t/9", last)
    assert.deepEqual(await stream.until(last), ["https://example.com/t/9"])
  })

  await t.test("13: streams with hostile patterns do not hold up a stream without", async (t) => {
    const last = end()
    for (const bomb of [":ax*x*x*y", `${"*x".repeat(20)}y`, "{x}+{x}*{x}+{x}*{:a}*{:b}+y"]) {
      await open(t, hub, `match_urlpattern=${encodeURIComponent(`https://e.com/${bomb}`)}`)
    }
    const healthy = await open(t, hub, asking(1, last))
    const started = process.cpuUsage().user
    await publish(...Array.from({ length: 20 }, (_, i) => `https://e.com/${"x".repeat(4_000)}${i}`), last)
    assert.deepEqual(await healthy.until(last), [])
    // with `URLPattern.test`, one topic of 400 characters takes 10 s
    assert.ok(process.cpuUsage().user - started < 5_000_000)
  })

  await t.test("a method that the endpoint does not have is refused", async () => {
    const { status, headers } = await ask(hub.hub, { method: "PUT" })
    assert.equal(status, 405)
    assert.equal(headers.get("allow"), "GET, HEAD, QUERY, POST")
  })
})

test("a hub whose operator closed a dialect refuses its requests", async (t) => {
  const hub = await mercureHub(t, { dialects: [1] })
  assert.equal((await ask(`${hub.hub}?topic=a`)).status, 400)
  assert.equal((await ask(`${hub.hub}?match=a`)).status, 200)
  assert.equal((await send(hub, 0, [["topic", "a"]])).status, 401)
  assert.equal((await send(hub, 1, [["topic", "a"]])).status, 200)
  const token = await tokenOf(0, { subscribe: ["*"] })
  assert.equal((await ask(`${hub.hub}?match=a`, { headers: bearer(token) })).status, 401)
})

test("an event has the fields of its update, in the order of the reference hub, and is one event for clients", async (t) => {
  const hub = await mercureHub(t)
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const response = await fetch(`${hub.hub}?topic=a`, { signal: leaving.signal })
  await send(hub, 0, [
    ["topic", "a"],
    ["data", "x\ny"],
    ["id", "i1"],
    ["type", "added"],
    ["retry", "4000"],
  ])
  let text = ""
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    if (text.includes("data: y\n\n")) break
    await sleep(1)
  }
  assert.ok(text.startsWith(":"), text)
  assert.ok(text.includes("event: added\nretry: 4000\nid: i1\ndata: x\ndata: y\n\n"), text)
})
