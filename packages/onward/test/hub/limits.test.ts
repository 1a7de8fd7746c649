import assert from "node:assert/strict"
import { test } from "node:test"
import type { OnwardError } from "../../src/errors.ts"
import { resolveOptions } from "../../src/hub/hub-options.ts"
import { createHub, type SubscribeOptions } from "../../src/hub/index.ts"
import { Keys } from "../../src/hub/keys.ts"
import { defaultLimits } from "../../src/hub/limits.ts"
import { resolvePresence, type PresenceSettings } from "../../src/hub/presence/options.ts"
import type { TopicMatcher } from "../../src/hub/selector.ts"
import type { Matcher } from "../../src/topic.ts"
import { Recorder } from "./recorder.ts"
import { stage } from "./stage.ts"

test("a connection over the limit is refused before it starts, and accepted after another has ended", async () => {
  const { connect, hub } = await stage({ limits: { connections: 2 } })
  const one = await connect({ topics: ["a"] })
  await connect({ topics: ["a"] })
  await assert.rejects(connect({ topics: ["a"] }), {
    name: "OnwardError",
    code: "too_many_connections",
    retryable: true,
  })
  assert.equal(hub.stats().connections, 2, "nobody was evicted")
  one.leave()
  await connect({ topics: ["a"] })
})

test("a connection over the limit of its limit key is refused, and those with other keys or none are not", async () => {
  const { connect } = await stage({ limits: { connectionsPerKey: 2 } })
  const options = { topics: ["a"], limitKey: "ann" }
  const one = await connect(options)
  await connect({ ...options, topics: ["b"] })
  await assert.rejects(connect(options), { name: "OnwardError", code: "too_many_connections_for_key", retryable: true })
  await connect({ topics: ["a"], limitKey: "bob" })
  await connect({ topics: ["a"] })
  one.leave()
  await connect(options)
})

test("a subscription with too many topics and patterns is refused, repeats not counted", async () => {
  const { hub } = await stage({ limits: { topics: 3 } })
  hub.subscribe({ topics: ["a", "b"], patterns: ["c*"] })
  hub.subscribe({ topics: ["a", "a", "a", "a"] })
  assert.throws(() => hub.subscribe({ topics: ["a", "b"], patterns: ["c*", "d*"] }).open(), {
    name: "OnwardError",
    code: "too_many_topics",
    retryable: false,
  })
})

test("a cursor longer than any issued one is refused, counted in bytes", async () => {
  const { hub } = await stage({ limits: { cursorBytes: 10 } })
  const subscription = hub.subscribe({ topics: ["a"] })
  subscription.open({ after: "1234567890" })
  subscription.open({ after: "ééééé" })
  const refused = { name: "OnwardError", code: "cursor_too_long" }
  assert.throws(() => subscription.open({ after: "12345678901" }), refused)
  assert.throws(() => subscription.open({ after: "éééééé" }), refused)
  assert.throws(() => subscription.open({ after: "x".repeat(65_536) }), refused)
})

test("a message over the limit is refused, and not stored", async () => {
  const { hub, connect } = await stage({ limits: { messageBytes: 100 } })
  const refused = { name: "OnwardError", code: "message_too_large" }
  await hub.publish({ topic: "a", data: "x".repeat(99) })
  await assert.rejects(hub.publish({ topic: "a", data: "x".repeat(100) }), refused)
  await assert.rejects(hub.publish({ topic: "a", data: "é".repeat(50) }), refused)
  await assert.rejects(hub.publish({ topic: "a", data: { text: "x".repeat(100) } }), refused)
  await assert.rejects(hub.publish({ topic: "a", data: "x".repeat(60), idempotencyKey: "k".repeat(60) }), refused)
  assert.equal((await connect({ topics: ["a"] }, "earliest")).data.length, 1)
})

test("a client can request a limited number of the last entries", async () => {
  const { hub } = await stage({ limits: { last: 20 } })
  const subscription = hub.subscribe({ topics: ["a"] })
  subscription.open({ last: 20 })
  for (const last of [21, -1, 1.5, Number.NaN, Infinity, 1e300]) {
    assert.throws(() => subscription.open({ last }), { name: "OnwardError", code: "invalid_start" }, String(last))
  }
  for (const since of [Number.NaN, Infinity, -Infinity, new Date("never")]) {
    assert.throws(() => subscription.open({ since }), { name: "OnwardError", code: "invalid_start" }, String(since))
  }
})

test("unknown and invalid limits are refused when the hub is created, by name", () => {
  assert.throws(() => createHub({ limits: { conections: 1 } as never }), {
    name: "TypeError",
    message: /conections.*connections/s,
  })
  for (const value of [-1, Number.NaN, "5"]) {
    assert.throws(() => createHub({ limits: { connections: value as number } }), {
      name: "TypeError",
      message: /connections/,
    })
  }
})

test("a subscription without selectors, or with an invalid start point, is refused", async () => {
  const { hub } = await stage()
  assert.throws(() => hub.subscribe({}), TypeError)
  for (const from of ["newest", "earlist", null, 5, {}, { lst: 3 }, { last: 3, since: 1 }, new Date()]) {
    assert.throws(() => hub.subscribe({ topics: ["a"], from: from as never }), TypeError, JSON.stringify(from))
  }
})

test("invalid input of a client makes no subscription throw: opening it does", async () => {
  const { hub } = await stage()
  const invalid = { name: "OnwardError", code: "invalid_selector" }
  const opening = (options: object): (() => unknown) => {
    const subscription = hub.subscribe(options)
    return () => subscription.open()
  }
  const hostile = { __proto__: null, a: 1 }
  const topics = ["", "user:*", "a/:id", "a\nb", "a\0", "\ud800", "x".repeat(1_025), "é".repeat(600), "stream.presence"]
  for (const topic of [...topics, null, undefined, 42, ["a"], hostile, Symbol("a")]) {
    assert.throws(opening({ topics: [topic] }), invalid, typeof topic)
    assert.throws(opening({ topics: ["a", topic] }), invalid)
  }
  for (const pattern of ["", "a{b}", "a/:id.json", "*".repeat(9)])
    assert.throws(opening({ patterns: [pattern] }), invalid)
  assert.throws(opening({ topics: [], patterns: [] }), invalid)
  for (const key of ["", "x".repeat(513), null, 5]) assert.throws(opening({ topics: ["a"], limitKey: key }), invalid)
  for (const who of ["", "x".repeat(257), null]) assert.throws(opening({ topics: ["a"], userId: who }), invalid)
  for (const from of [{ last: -1 }, { last: Number.NaN }, { since: "yesterday" }, { after: null }]) {
    assert.throws(opening({ topics: ["a"], from }), { code: "invalid_start" })
  }
  assert.throws(opening({ topics: ["a"], from: { after: "x".repeat(2_000) } }), { code: "cursor_too_long" })
})

test("one limit key cannot use all patterns, and can use again what its streams released", async () => {
  const { connect, hub } = await stage({ limits: { patterns: 5, patternsPerKey: 2 } })
  const refused = { code: "too_many_patterns_for_key", status: 429, retryable: true }
  const first = await connect({ patterns: ["a/*"], limitKey: "ada" })
  const second = await connect({ patterns: ["a/*", "b/*"], limitKey: "ada" })
  const open = (...patterns: string[]) => hub.subscribe({ patterns, limitKey: "ada" }).open()
  assert.throws(() => open("c/*"), refused)
  open("a/*", "b/*")
  await connect({ patterns: ["c/*", "d/*"], limitKey: "bob" })
  first.leave()
  assert.throws(() => open("c/*"), refused)
  second.leave()
  open("c/*", "d/*")
  assert.throws(() => open("c/*", "d/*", "e/*"), refused)
})

test("too many different patterns for one topic are refused before the stream starts", async () => {
  const { connect, hub } = await stage({ limits: { patterns: 2 } })
  const one = await connect({ patterns: ["a/*", "a/b*"] })
  await connect({ patterns: ["a/*"] })
  const refused = { code: "too_many_patterns", retryable: true }
  for (const pattern of ["a/b/c*", "*", "a*", ":x/b", "a/b/c"]) {
    assert.throws(() => hub.subscribe({ patterns: [pattern] }).open(), refused, pattern)
  }
  one.leave()
  hub
    .subscribe({ patterns: ["a/b/c*"] })
    .open()
    .start(new Recorder())
})

test("patterns that no topic is compared with at once are not limited by number, but by memory", async () => {
  const { connect, hub } = await stage({ limits: { patterns: 1, patternBytes: 200_000 } })
  const streams = [await connect({ patterns: ["room/0/*"] })]
  const refused = { code: "too_many_patterns", retryable: true }
  await assert.rejects(async () => {
    for (let i = 1; i < 10_000; i++) streams.push(await connect({ patterns: [`room/${i}/*`] }))
  }, refused)
  assert.ok(streams.length > 50, `${streams.length} patterns`)
  streams.pop()?.leave()
  await connect({ patterns: ["room/x/*"] })
  assert.throws(() => hub.subscribe({ patterns: ["room/y/*"] }).open(), refused)
})

test("a message's size is counted in bytes, in all fields", async () => {
  const { hub } = await stage({ limits: { messageBytes: 100 } })
  const refused = { code: "message_too_large" }
  await assert.rejects(hub.publish({ topic: "é".repeat(60) }), refused)
  await assert.rejects(hub.publish({ topic: "a", id: "é".repeat(60) }), refused)
  await assert.rejects(hub.publish({ topic: "a", event: "é".repeat(60), data: "" }), refused)
  await assert.rejects(hub.publish({ topic: "a", idempotencyKey: "é".repeat(60) }), refused)
})

test("topics that are not a list are refused, instead of being split into letters", async () => {
  const { hub } = await stage()
  assert.throws(() => hub.subscribe({ topics: "news" as never }), TypeError)
  assert.throws(() => hub.subscribe({ patterns: "news*" as never }), TypeError)
  assert.throws(() => hub.subscribe({ topic: ["a"], topics: ["b"] } as never), TypeError)
})

test("what a key uses is given back, a pattern with the last stream that has it", () => {
  const keys = new Keys({ ...defaultLimits, connectionsPerKey: 2, patternsPerKey: 2 })
  const isRefused = (key: string, patterns: readonly string[]): string | undefined => {
    try {
      keys.admit(key, patterns)
      return undefined
    } catch (error) {
      return (error as OnwardError).code
    }
  }
  assert.equal(isRefused("ann", ["a", "b", "c"]), "too_many_patterns_for_key")
  for (let round = 0; round < 3; round++) {
    keys.enter("ann", ["a", "b"])
    assert.equal(isRefused("ann", ["a"]), undefined)
    assert.equal(isRefused("ann", ["c"]), "too_many_patterns_for_key")
    keys.enter("ann", ["a"])
    assert.equal(isRefused("ann", []), "too_many_connections_for_key")
    assert.equal(isRefused("bob", ["x", "y"]), undefined)
    keys.leave("ann", ["a", "b"])
    assert.equal(isRefused("ann", ["b"]), undefined, "b was given back")
    assert.equal(isRefused("ann", ["b", "c"]), "too_many_patterns_for_key", "a was not")
    keys.leave("ann", ["a"])
    assert.equal(isRefused("ann", ["c", "d"]), undefined)
    keys.leave("ann", ["a"])
  }
  const closed = new Keys({ ...defaultLimits, connectionsPerKey: 0 })
  assert.throws(() => closed.admit("ann", []), { code: "too_many_connections_for_key" })
})

test("without options a hub has the limits and times of the documentation", () => {
  const { limits, window, heartbeat, stallTimeout, maxStreamAge, presence, observe } = resolveOptions({})
  assert.deepEqual(limits, {
    ...{ connections: 50_000, connectionsPerKey: 100, topics: 100, patterns: 1_000, patternBytes: 67_108_864 },
    ...{ patternsPerKey: 250, filters: 1_000, cursorBytes: 1_024, messageBytes: 1_048_576, last: 10_000 },
  })
  assert.deepEqual(window, { maxEntries: 10_000, maxChars: 16_777_216 })
  assert.deepEqual([heartbeat, stallTimeout, maxStreamAge], [15_000, 120_000, Infinity])
  assert.deepEqual([presence, observe, resolvePresence(false)], [undefined, undefined, undefined])
  const { isCounted, ...counted } = resolvePresence(true) as PresenceSettings
  assert.deepEqual(counted, { grace: 3_000, interval: 1_000, maxReported: 10_000 })
  assert.equal(isCounted("any/topic"), true)
})

test("options at their bounds are taken, and those beyond are refused", () => {
  for (const window of [{ maxEntries: 0 }, { maxChars: 0 }]) assert.doesNotThrow(() => resolveOptions({ window }))
  for (const window of [{ maxEntries: -1 }, { maxChars: Number.NaN }, { maxEntries: "5" as never }]) {
    assert.throws(() => resolveOptions({ window }), /createHub: `window\.max\w+` must be a number, 0 or more/)
  }
  assert.doesNotThrow(() => resolvePresence({ grace: 0, maxReported: 0 }))
  for (const given of [{ grace: -1 }, { maxReported: -1 }, { maxReported: "5" as never }]) {
    assert.throws(() => resolvePresence(given), /createHub: `presence\.\w+` must be a number, 0 or more/)
  }
  assert.throws(() => resolvePresence({ interval: 0 }), /presence\.interval/)
  assert.throws(() => resolvePresence({ patterns: "room/*" as never }), /must be an array of strings/)
  const rooms = resolvePresence({ patterns: ["room/*", "hall/:id"] })
  assert.deepEqual(["room/1", "hall/1", "hall/1/2"].map(rooms?.isCounted as Matcher), [true, true, false])
})

test("names, matchers and keys at their bounds are taken, and those beyond are refused", async () => {
  const { hub } = await stage()
  const refusal = (options: Partial<SubscribeOptions>): string | undefined =>
    hub.subscribe({ topics: ["a"], ...options }).refusal?.code
  for (const [name, most] of [
    ["limitKey", 512],
    ["userId", 256],
    ["label", 64],
  ] as const) {
    assert.equal(refusal({ [name]: "x".repeat(most) }), undefined)
    assert.equal(refusal({ [name]: "x".repeat(most + 1) }), "invalid_selector")
    assert.equal(refusal({ [name]: "" }), "invalid_selector")
  }
  const matchers = (count: number): TopicMatcher[] => [
    ...Array.from({ length: count - 1 }, (_, i) => ({ topic: `${i}` })),
    { key: "k", matches: () => true },
  ]
  for (const name of ["matchers", "may"] as const) {
    assert.equal(refusal({ [name]: matchers(1_000) }), undefined)
    assert.equal(refusal({ [name]: matchers(1_001) }), "too_many_topics")
    const withKey = (length: number): TopicMatcher[] => [{ key: "k".repeat(length), matches: () => true }]
    assert.equal(refusal({ [name]: withKey(8_192) }), undefined)
    assert.equal(refusal({ [name]: withKey(8_193) }), "invalid_selector")
    const withPrefix = (prefix: unknown): TopicMatcher[] => [
      { key: "k", matches: () => true, prefix: prefix as string },
    ]
    assert.equal(refusal({ [name]: withPrefix(Array<string>(16).fill("/")) }), undefined)
    for (const prefix of [Array<string>(17).fill("/"), [7], 7]) {
      assert.throws(() => refusal({ [name]: withPrefix(prefix) }), /must be \{ topic \}, or \{ key, matches \}/)
    }
  }
})
