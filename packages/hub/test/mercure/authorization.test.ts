import assert from "node:assert/strict"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { compileSelector } from "../../src/mercure/selectors/selector.ts"
import { readEvents } from "../read-events.ts"
import {
  ask,
  asking,
  bearer,
  DIALECTS,
  mercureHub,
  open,
  RESOURCE,
  send,
  tokenOf,
  type Dialect,
} from "./mercure-hub.ts"

test("the updates that each subscriber of a Mercure hub receives", async (t) => {
  const hub = await mercureHub(t)
  const closed = await mercureHub(t, { anonymous: false })
  let count = 0
  const end = (): string => `https://example.com/end/${++count}`

  await t.test("38: public updates reach all subscribers, private ones those with a grant", async (t) => {
    for (const dialect of DIALECTS) {
      const [topic, last] = [end(), end()]
      const query = asking(dialect, topic, last)
      const other = asking(dialect, "https://example.com/other")
      const tokens = {
        none: undefined,
        invalid: await tokenOf(dialect, { subscribe: [topic], key: "another secret of more than thirty-two bytes" }),
        ungranted: await tokenOf(dialect, {}),
        granted: await tokenOf(dialect, { subscribe: [topic] }),
        everything: await tokenOf(dialect, { subscribe: ["*"] }),
        elsewhere: await tokenOf(dialect, { subscribe: ["https://example.com/other"] }),
      }
      for (const at of [hub, closed])
        assert.equal((await ask(`${at.hub}?${query}`, { headers: bearer(tokens.invalid) })).status, 401)
      assert.equal((await ask(`${closed.hub}?${query}`)).status, 401)
      assert.equal((await ask(`${closed.hub}?${query}`, { headers: bearer(tokens.ungranted) })).status, 200)
      const streams = {
        none: await open(t, hub, query),
        ungranted: await open(t, hub, query, bearer(tokens.ungranted)),
        elsewhere: await open(t, hub, query, bearer(tokens.elsewhere)),
        granted: await open(t, hub, query, bearer(tokens.granted)),
        everything: await open(t, hub, query, bearer(tokens.everything)),
        // a grant is not a subscription
        unasked: await open(t, hub, `${other}&${query.split("&").at(-1)}`, bearer(tokens.everything)),
      }
      await send(hub, dialect, [
        ["topic", topic],
        ["data", "public"],
      ])
      await send(hub, dialect, [
        ["topic", topic],
        ["data", "private"],
        ["private", "on"],
      ])
      await send(hub, dialect, [
        ["topic", last],
        ["data", last],
      ])
      const expected = {
        none: ["public"],
        ungranted: ["public"],
        elsewhere: ["public"],
        granted: ["public", "private"],
        everything: ["public", "private"],
        unasked: [],
      }
      for (const [name, stream] of Object.entries(streams)) {
        assert.deepEqual(await stream.until(last), expected[name as keyof typeof expected], `${dialect} ${name}`)
        stream.close()
      }
    }
  })

  await t.test("39: a private update may match a selector by one topic and a grant by another", async (t) => {
    for (const dialect of DIALECTS) {
      const [selected, granted, last] = [end(), end(), end()]
      const stream = await open(
        t,
        hub,
        asking(dialect, selected, last),
        bearer(await tokenOf(dialect, { subscribe: [granted] })),
      )
      await send(hub, dialect, [
        ["topic", selected],
        ["data", "one"],
        ["private", "on"],
      ])
      await send(hub, dialect, [
        ["topic", selected],
        ["topic", granted],
        ["data", "both"],
        ["private", "on"],
      ])
      await send(hub, dialect, [
        ["topic", granted],
        ["data", "other"],
        ["private", "on"],
      ])
      await send(hub, dialect, [
        ["topic", last],
        ["data", last],
      ])
      assert.deepEqual(await stream.until(last), ["both"])
      stream.close()
    }
  })

  await t.test("40: a publisher needs a grant for every topic of an update", async () => {
    for (const dialect of DIALECTS) {
      const token = await tokenOf(dialect, { publish: ["https://example.com/a", "https://example.com/b"] })
      const publish = async (...topics: string[]): Promise<number> =>
        (
          await send(
            hub,
            dialect,
            topics.map((topic) => ["topic", topic]),
            { token },
          )
        ).status
      assert.equal(await publish("https://example.com/a", "https://example.com/b"), 200)
      assert.equal(await publish("https://example.com/a", "https://example.com/c"), dialect === 0 ? 401 : 403)
      assert.equal(await publish("https://example.com/c", "https://example.com/a"), dialect === 0 ? 401 : 403)
    }
  })

  await t.test("41: a replay is authorized by the token of the request, not of an earlier one", async (t) => {
    for (const dialect of DIALECTS) {
      const [a, b, last] = [end(), end(), end()]
      const { text: first } = await send(hub, dialect, [
        ["topic", a],
        ["data", "first"],
      ])
      await send(hub, dialect, [
        ["topic", a],
        ["data", "a"],
        ["private", "on"],
      ])
      await send(hub, dialect, [
        ["topic", b],
        ["data", "b"],
        ["private", "on"],
      ])
      await send(hub, dialect, [
        ["topic", last],
        ["data", last],
      ])
      const resume = async (subscribe: string[]): Promise<string[]> => {
        const headers = { ...bearer(await tokenOf(dialect, { subscribe })), "last-event-id": first }
        const stream = await open(t, hub, asking(dialect, a, b, last), headers)
        const seen = await stream.until(last)
        stream.close()
        return seen
      }
      assert.deepEqual(await resume([a, b]), ["a", "b"])
      assert.deepEqual(await resume([b]), ["b"])
      assert.deepEqual(await resume([]), [])
    }
  })

  await t.test("43: Onward's own streams never show private updates", async () => {
    const topic = end()
    await send(hub, 1, [
      ["topic", topic],
      ["data", "private"],
      ["private", "on"],
    ])
    await send(hub, 1, [
      ["topic", topic],
      ["topic", "https://example.com/x"],
      ["data", "private too"],
      ["private", "on"],
    ])
    await send(hub, 1, [
      ["topic", topic],
      ["data", "public"],
    ])
    for (const query of [
      `topic=${encodeURIComponent(topic)}&last_event_id=earliest`,
      `topic=${encodeURIComponent(topic)}&last=3`,
    ]) {
      const [event] = await readEvents(`${hub.url}/events?${query}`, 1)
      assert.equal(event?.data, "public", query)
    }
  })

  await t.test("44: a stream ends when its token does, and receives nothing after it", async (t) => {
    const expiresAt = Date.now() + 1_500
    const token = await tokenOf(0, { subscribe: ["*"], claims: { exp: expiresAt / 1_000 } })
    const streams = await Promise.all(
      Array.from({ length: 20 }, () => open(t, hub, asking(0, "https://example.com/z"), bearer(token))),
    )
    await Promise.all(streams.map((stream) => assert.rejects(stream.next(), /the stream ended/)))
    // streams end up to a tenth of their life earlier, so that not all clients reconnect at once
    await sleep(Math.max(0, expiresAt - Date.now()))
    assert.equal((await ask(`${hub.hub}?topic=a`, { headers: bearer(token) })).status, 401)
  })

  await t.test("a revoked user can neither subscribe nor publish", async (t) => {
    const claims = { sub: "mallory", iat: Math.floor(Date.now() / 1_000) - 10 }
    const admin = "ok_an-admin-key-of-more-than-32-characters"
    const server = await mercureHub(t, {}, { auth: { keys: [{ name: "admin", key: admin, admin: true }] } })
    const token = await tokenOf(1, { publish: ["*"], subscribe: ["*"], claims })
    const stream = await open(t, server, asking(1, "a"), bearer(token))
    const body = new URLSearchParams({ userId: "mallory" })
    assert.equal((await ask(`${server.url}/auth/revoke`, { method: "POST", headers: bearer(admin), body })).status, 200)
    await assert.rejects(stream.next(), /the stream ended/)
    assert.equal((await ask(`${server.hub}?match=a`, { headers: bearer(token) })).status, 401)
    assert.equal((await send(server, 1, [["topic", "a"]], { token })).status, 401)
  })
})

test("without a key for subscribers, anonymous ones receive public updates and tokens are refused", async (t) => {
  const hub = await mercureHub(t, { subscriber: undefined, issuers: undefined })
  assert.equal((await ask(`${hub.hub}?topic=a`)).status, 200)
  assert.equal(
    (await ask(`${hub.hub}?topic=a`, { headers: bearer(await tokenOf(0, { subscribe: ["*"] })) })).status,
    401,
  )
})

test("with keys for Mercure and no other authentication, Onward's own API is closed", async (t) => {
  const hub = await mercureHub(t, {}, { insecure: false })
  for (const path of ["/events?topic=a", "/publish"]) {
    assert.equal((await fetch(hub.url + path, { method: path === "/publish" ? "POST" : "GET" })).status, 401)
  }
  assert.equal((await send(hub, 0, [["topic", "a"]])).status, 200)
})

test("42: what 100,000 random updates, selectors and grants decide agrees with an independent model", () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1e6)
  let state = seed
  const below = (most: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * most)
  }
  const names = ["a", "b", "c/1", "c/2", "c/1/x", ""]
  const topicAt = (i: number): string => `https://e.com/${names[i % names.length]}`
  /** Each selector with the topics that it stands for, written down by hand. */
  const selectors: [type: "topic" | "exact" | "urlpattern", value: string, hits: (name: string) => boolean][] = [
    ["exact", "*", () => true],
    ["topic", "*", () => true],
    ["urlpattern", "*", () => true],
    ...names.map((name): ["exact" | "topic", string, (other: string) => boolean] => [
      below(2) === 0 ? "exact" : "topic",
      `https://e.com/${name}`,
      (other) => other === name,
    ]),
    ["topic", "https://e.com/c/{id}", (name) => name === "c/1" || name === "c/2"],
    ["urlpattern", "https://e.com/c/:id", (name) => name === "c/1" || name === "c/2"],
    ["urlpattern", "https://e.com/c/*", (name) => name.startsWith("c/")],
    ["topic", "https://e.com/{+all}", () => true],
    ["exact", "https://e.com/c/:id", () => false],
  ]
  const compiled = selectors.map(([type, value]) => compileSelector(type, value, RESOURCE))
  const some = (most: number): number[] => Array.from({ length: below(most + 1) }, () => below(selectors.length))
  for (let i = 0; i < 100_000; i++) {
    const topics = Array.from({ length: 1 + below(3) }, () => below(names.length))
    const [asked, granted, isPrivate] = [some(3), some(3), below(2) === 0]
    const expected =
      topics.some((topic) => asked.some((at) => selectors[at]?.[2](names[topic] as string))) &&
      (!isPrivate || topics.some((topic) => granted.some((at) => selectors[at]?.[2](names[topic] as string))))
    const hits = (list: number[]): boolean =>
      topics.some((topic) => list.some((at) => compiled[at]?.matches(topicAt(topic))))
    assert.equal(hits(asked) && (!isPrivate || hits(granted)), expected, `seed ${seed}, step ${i}`)
  }
})

test("what a hub delivers of random updates agrees with the model", async (t) => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1e6)
  let state = seed
  const below = (most: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * most)
  }
  const hub = await mercureHub(t)
  const topics = ["https://e.com/a", "https://e.com/b", "https://e.com/c"]
  const subset = (): string[] => topics.filter(() => below(2) === 0)
  const readers = await Promise.all(
    Array.from({ length: 12 }, async (_, i) => {
      const dialect: Dialect = i % 2 === 0 ? 0 : 1
      const [asked, granted] = [subset(), subset()]
      const token = await tokenOf(dialect, { subscribe: granted })
      return {
        asked,
        granted,
        expected: [] as string[],
        stream: await open(t, hub, asking(dialect, ...asked, "end"), bearer(token)),
      }
    }),
  )
  for (let i = 0; i < 60; i++) {
    const of = [topics[below(3)] as string, ...subset()]
    const isPrivate = below(2) === 0
    const hits = (list: readonly string[]): boolean => list.some((topic) => of.includes(topic))
    for (const { asked, granted, expected } of readers)
      if (hits(asked) && (!isPrivate || hits(granted))) expected.push(String(i))
    await send(hub, 1, [
      ...of.map((topic): [string, string] => ["topic", topic]),
      ["data", String(i)],
      ...(isPrivate ? [["private", "on"] as const] : []),
    ])
  }
  await send(hub, 0, [
    ["topic", "end"],
    ["data", "end"],
  ])
  for (const { stream, expected } of readers) assert.deepEqual(await stream.until("end"), expected, `seed ${seed}`)
})
