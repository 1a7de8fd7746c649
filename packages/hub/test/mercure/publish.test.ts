import assert from "node:assert/strict"
import { test } from "node:test"
import {
  ask,
  asking,
  bearer,
  DIALECTS,
  mercureHub,
  open,
  send,
  tokenOf,
  type Dialect,
  type Fields,
} from "./mercure-hub.ts"

const TOPIC = "https://example.com/books/1"

test("publishing to a Mercure hub", async (t) => {
  const hub = await mercureHub(t)
  let count = 0
  const end = (): string => `https://example.com/end/${++count}`
  const all = await tokenOf(0, { publish: ["*"], subscribe: ["*"] })
  const refusesAll = async (dialect: Dialect, status: number, list: readonly Fields[]): Promise<void> => {
    const last = end()
    const every = await open(t, hub, asking(0, "*"), bearer(all))
    for (const fields of list) {
      const answer = await send(hub, dialect, fields)
      assert.equal(answer.status, status, `${dialect} ${JSON.stringify(fields).slice(0, 200)} ${answer.text}`)
      assert.match(answer.text, /^[^\n]+$/)
    }
    await send(hub, 0, [
      ["topic", last],
      ["data", last],
    ])
    assert.deepEqual(await every.until(last), [], "nothing is stored of a refused update")
    every.close()
  }

  await t.test("14: the answer is the id of the event as text, and clients receive it", async (t) => {
    for (const dialect of DIALECTS) {
      const stream = await open(t, hub, asking(dialect, TOPIC))
      const { status, text, headers } = await send(hub, dialect, [
        ["topic", TOPIC],
        ["data", "one"],
      ])
      assert.equal(status, 200)
      assert.equal(headers.get("content-type"), "text/plain; charset=utf-8")
      assert.match(text, /^urn:uuid:[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
      assert.deepEqual(await stream.next(), { event: "message", data: "one", id: text })
      const own = await send(hub, dialect, [
        ["topic", TOPIC],
        ["data", "two"],
        ["id", `own/é/${dialect}`],
      ])
      assert.equal(own.text, `own/é/${dialect}`)
      assert.equal((await stream.next()).id, own.text)
    }
  })

  await t.test(
    "15: each alternate topic reaches its subscribers, and a subscriber that matches several receives one event",
    async (t) => {
      const [a, b, last] = [end(), end(), end()]
      const streams = await Promise.all(
        [asking(1, a, last), asking(0, b, last), asking(1, a, b, last)].map((query) => open(t, hub, query)),
      )
      await send(hub, 1, [
        ["topic", a],
        ["topic", b],
        ["topic", a],
        ["data", "both"],
      ])
      await send(hub, 0, [
        ["topic", last],
        ["data", last],
      ])
      for (const stream of streams) assert.deepEqual(await stream.until(last), ["both"])
    },
  )

  await t.test("16: private is a matter of the name, and its value does not count", async (t) => {
    const last = end()
    const anybody = await open(t, hub, asking(0, "*"))
    const reader = await open(t, hub, asking(0, "*"), bearer(all))
    for (const pair of ["private=on", "private=", "private", "private=false"]) {
      const headers = { ...bearer(all), "content-type": "application/x-www-form-urlencoded" }
      const body = `topic=${TOPIC}&data=${pair}&${pair}`.replace(`data=${pair}`, `data=${encodeURIComponent(pair)}`)
      assert.equal((await ask(hub.hub, { method: "POST", headers, body })).status, 200)
    }
    await send(hub, 0, [
      ["topic", last],
      ["data", last],
    ])
    assert.deepEqual(await anybody.until(last), [])
    assert.deepEqual(await reader.until(last), ["private=on", "private=", "private", "private=false"])
  })

  await t.test("17: topics below the hub's own URL are reserved, however they are written", async () => {
    const reserved = [
      "mercure",
      "",
      "https://x/.well-known/%6Dercure",
      "/.well-known/me%72cure/x",
      "https://x\\.well-known\\mercure\\y",
      "//x/.well-known/mercure",
      "/a/../.well-known/mercure/subscriptions",
      "/.well-known/./mercure?x",
      "/.well-known/mercure#x",
      "ws://x/.well-known/mercure",
      "/.well-know%6e/mercure/",
      "javascript:/.well-known/mercure",
    ]
    // each letter of the path as an escape, in both cases of hexadecimal digits
    for (const [i, char] of Array.from("/.well-known/mercure").entries()) {
      if (char === "/") continue
      const code = char.charCodeAt(0).toString(16)
      for (const hex of new Set([code, code.toUpperCase()])) {
        reserved.push(`https://x${"/.well-known/mercure".slice(0, i)}%${hex}${"/.well-known/mercure".slice(i + 1)}/y`)
      }
    }
    const update = (topic: string): Fields => [
      ["topic", TOPIC],
      ["topic", topic],
      ["data", "x"],
    ]
    await refusesAll(1, 400, reserved.map(update))
    await refusesAll(0, 403, reserved.map(update))
    const free = [
      "subscriptions/foo",
      "../mercure/x",
      "https://x/.well-known/mercureX",
      "https://x/foo/.well-known/mercure/b",
      "urn:a:mercure",
      "https://x/.well-known%2Fmercure",
    ]
    for (const topic of free) assert.equal((await send(hub, 1, update(topic))).status, 200, topic)
    // 0.x reserves every topic that holds the path
    await refusesAll(0, 403, [update("https://x/.well-known/mercureX"), update("https://x/foo/.well-known/mercure/b")])
  })

  await t.test("18: what 1.0 forbids in topic, id and type is refused, and nothing is stored", async () => {
    const invisible = ["a\u0000b", "a\nb", "a\u007fb", "a\u0085b", "a\u200bb", "a\u202eb"]
    const update = (name: string, value: string): Fields => [
      ["topic", TOPIC],
      [name, value],
      ["data", "x"],
    ]
    await refusesAll(1, 400, [
      update("topic", "*"),
      update("id", "#x"),
      update("id", "earliest"),
      update("type", "mercure"),
      ...["topic", "id", "type"].flatMap((name) => invisible.map((value) => update(name, value))),
    ])
    await refusesAll(
      0,
      400,
      ["a\nb", "a\rb", "a\0b"].flatMap((value) => [update("id", value), update("type", value)]),
    )
    for (const [name, value] of [
      ["id", "#x"],
      ["id", "earliest"],
      ["type", "mercure"],
      ["id", "a\u200bb"],
    ] as const) {
      assert.equal((await send(hub, 0, update(name, value))).status, 200, `${name}=${value}`)
    }
  })

  await t.test("19: retry is a number of milliseconds, and empty means none", async () => {
    const update = (retry: string): Fields => [
      ["topic", TOPIC],
      ["retry", retry],
      ["data", retry],
    ]
    for (const retry of ["5000", "0", "", "9007199254740991"]) {
      assert.equal((await send(hub, 1, update(retry))).status, 200, retry)
    }
    await refusesAll(1, 400, ["-1", "1.5", "1e3", "x", " 1", "9007199254740992", "٣"].map(update))
  })

  await t.test("20: unknown fields are ignored, and of a doubled field the first counts", async (t) => {
    const stream = await open(t, hub, asking(0, TOPIC))
    await send(hub, 0, [
      ["topic", TOPIC],
      ["data", "first"],
      ["data", "second"],
      ["foo", "bar"],
      ["topics", "x"],
      ["event", "x"],
    ])
    const { data, event } = await stream.next()
    assert.deepEqual([data, event], ["first", "message"])
  })

  await t.test("21: an id that is used twice is sent twice, and resuming by it begins after the first", async (t) => {
    const topic = end()
    const stream = await open(t, hub, asking(0, topic))
    for (const data of ["one", "two", "three"]) {
      const { text } = await send(hub, 0, [
        ["topic", topic],
        ["id", "CREATE"],
        ["data", data],
      ])
      assert.equal(text, "CREATE")
      assert.deepEqual(await stream.next(), { event: "message", data, id: "CREATE" })
    }
    const resumed = await open(t, hub, `${asking(0, topic)}&lastEventID=CREATE`)
    assert.equal(resumed.response.headers.get("last-event-id"), "CREATE")
    assert.deepEqual(await resumed.until("three"), ["two"])
  })

  await t.test("22: a body of 1 MiB and a byte, and 1,001 topics, are too large", async () => {
    const big = (bytes: number): string => `topic=${encodeURIComponent(TOPIC)}&data=`.padEnd(bytes, "x")
    const post = (body: string): ReturnType<typeof ask> =>
      ask(hub.hub, {
        method: "POST",
        headers: { ...bearer(all), "content-type": "application/x-www-form-urlencoded" },
        body,
      })
    assert.equal((await post(big(1024 ** 2))).status, 200)
    const { status, text } = await post(big(1024 ** 2 + 1))
    assert.equal(status, 413)
    assert.match(text, /^[^\n{]+$/)
    const topics = (count: number): Fields => Array.from({ length: count }, (_, i) => ["topic", `https://e.com/${i}`])
    assert.equal((await send(hub, 1, topics(1_000))).status, 200)
    assert.equal((await send(hub, 1, topics(1_001))).status, 413)
  })

  await t.test("23: an update without a topic, or in another format than a form, is refused", async () => {
    await refusesAll(0, 400, [[["data", "x"]], []])
    const headers = { ...bearer(all), "content-type": "application/json" }
    const { status, text } = await ask(hub.hub, { method: "POST", headers, body: '{"topic":"a"}' })
    assert.equal(status, 400)
    assert.match(text, /^Missing "topic" parameter/)
  })

  await t.test("24 and 25: empty data is an event, and each kind of line end becomes a line of data", async (t) => {
    const stream = await open(t, hub, asking(1, TOPIC))
    await send(hub, 1, [["topic", TOPIC]])
    assert.equal((await stream.next()).data, "")
    await send(hub, 1, [
      ["topic", TOPIC],
      ["data", "a\rb\nc\r\nd\r\n\r\n"],
    ])
    assert.equal((await stream.next()).data, "a\nb\nc\nd\n\n")
  })

  await t.test("26: no field can add a line or an event to the stream", async (t) => {
    const seed = Number(process.env["SEED"] ?? Date.now() % 1e6)
    let state = seed
    const below = (most: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      return Math.floor((state / 2 ** 32) * most)
    }
    const pieces = [
      "\n",
      "\r",
      "\r\n",
      "\0",
      "id: x",
      "event: y",
      "data: z",
      ":",
      "a",
      "\u2028",
      "\u0085",
      "é",
      "💥",
      " ",
    ]
    const text = (): string => Array.from({ length: below(5) }, () => pieces[below(pieces.length)]).join("")
    const [topic, last] = [end(), end()]
    const stream = await open(t, hub, asking(0, topic, last))
    const sent: string[] = []
    for (let i = 0; i < 60; i++) {
      const fields: Fields = [
        ["topic", topic],
        ["data", text()],
        ["id", text()],
        ["type", text()],
        ["retry", text()],
        ["topic", `x${text()}`],
      ]
      const answer = await send(hub, i % 2 === 0 ? 0 : 1, fields)
      assert.ok(
        answer.status === 200 || answer.status === 400,
        `seed ${seed}: ${answer.status} ${JSON.stringify(fields)}`,
      )
      if (answer.status === 200) sent.push((fields[1]?.[1] ?? "").replaceAll(/\r\n|\r/g, "\n"))
    }
    await send(hub, 0, [
      ["topic", last],
      ["data", last],
    ])
    assert.deepEqual(await stream.until(last), sent, `seed ${seed}`)
  })

  await t.test("27: topics that Onward's own API refuses are published and received", async (t) => {
    const topics = [
      "a*b",
      "https://e.com/:id",
      "stream.x",
      `https://e.com/${"x".repeat(4_082)}`,
      "https://e.com/{id}",
      "demo/x",
    ]
    const stream = await open(
      t,
      hub,
      asking(1, ...topics.map((topic) => topic)).replaceAll("match_urlpattern", "match"),
    )
    for (const topic of topics) {
      assert.equal(
        (
          await send(hub, 1, [
            ["topic", topic],
            ["data", topic],
          ])
        ).status,
        200,
        topic,
      )
      assert.equal((await stream.next()).data, topic)
    }
    assert.equal((await send(hub, 1, [["topic", `https://e.com/${"x".repeat(4_083)}`]])).status, 400)
  })

  await t.test("ids that have a meaning of their own in Onward become ids of the hub", async (t) => {
    const stream = await open(t, hub, asking(0, TOPIC))
    for (const id of ["stream.end", "x".repeat(600), " a", "earliest"]) {
      const { status, text } = await send(hub, 0, [
        ["topic", TOPIC],
        ["id", id],
        ["data", "x"],
      ])
      assert.equal(status, 200)
      assert.match(text, /^urn:uuid:/)
      assert.equal((await stream.next()).id, text)
    }
  })
})

test("a hub without a key for publishers does not take updates", async (t) => {
  const hub = await mercureHub(t, { publisher: undefined, issuers: undefined })
  const { status } = await send(hub, 0, [["topic", "a"]])
  assert.equal(status, 405)
})

test("with repeatedIds ignore, an id that is used twice is the same update", async (t) => {
  const hub = await mercureHub(t, { repeatedIds: "ignore" })
  const stream = await open(t, hub, asking(0, "a", "end"))
  for (const data of ["one", "two"])
    await send(hub, 0, [
      ["topic", "a"],
      ["id", "CREATE"],
      ["data", data],
    ])
  await send(hub, 0, [
    ["topic", "end"],
    ["data", "end"],
  ])
  assert.deepEqual(await stream.until("end"), ["one"])
})
