import assert from "node:assert/strict"
import { createHash, createHmac } from "node:crypto"
import { test } from "node:test"
import { createClock, type TestClock } from "onward/testing"
import { Announced } from "../../src/webhooks/announced.ts"
import { backoff } from "../../src/webhooks/backoff.ts"
import { Deliveries } from "../../src/webhooks/deliveries.ts"
import { resolveWebhooks, type Webhook } from "../../src/webhooks/options.ts"
import type { Attempt } from "../../src/webhooks/send.ts"
import { signatureOf } from "../../src/webhooks/sign.ts"
import { createStreamEvents } from "../../src/webhooks/stream-events.ts"
import type { QueuedEvent } from "../../src/webhooks/record.ts"

const SECRET = "a secret of more than thirty-two bytes"
const OPTIONS = { url: "https://app.example/hooks", events: ["topic.occupied"], secret: SECRET } as const
const DAY = 86_400_000

interface Bench {
  readonly deliveries: Deliveries
  readonly clock: TestClock
  readonly sent: string[]
  readonly reports: string[]
  /** Answers the oldest attempt that is under way. */
  answer(attempt?: Attempt): Promise<void>
  /** From now on this hub may deliver. */
  allow(): void
  /** An event is read from the queue. */
  take(position: string, topic: string, age?: number): void
}

function bench({ maxPending = 100, isMine = true } = {}): Bench {
  const clock = createClock()
  const sent: string[] = []
  const reports: string[] = []
  const open: ((attempt: Attempt) => void)[] = []
  const deliveries = new Deliveries({
    hook: resolveWebhooks([OPTIONS])[0] as Webhook,
    send: (id) => {
      sent.push(id)
      return new Promise((resolve) => open.push(resolve))
    },
    timing: { ...clock, random: () => 1 },
    maxPending,
    mayDeliver: () => isMine,
    onProgress() {},
    report: (message) => reports.push(message),
  })
  return {
    ...{ deliveries, clock, sent, reports, allow: () => (isMine = true) },
    async answer(attempt = { outcome: "delivered" }) {
      open.shift()?.(attempt)
      await clock.settle()
    },
    take: (position, topic, age = 0) =>
      deliveries.take(position, { position, key: topic, time: clock.now() - age, body: position }),
  }
}

const FAILED: Attempt = { outcome: "status", failure: "it answered with status 500" }

test("events of a topic are sent one after the other, and those of eight topics at once", async () => {
  const { deliveries, sent, take, answer } = bench()
  deliveries.begin()
  for (let i = 10; i < 20; i++) take(`${i}`, `topic ${i}`)
  take("20", "topic 10")
  assert.deepEqual(sent, [])
  assert.deepEqual([deliveries.status.waiting, deliveries.status.isDelivering], [11, false])
  deliveries.start()
  deliveries.start()
  assert.deepEqual(sent, ["10", "11", "12", "13", "14", "15", "16", "17"])
  await answer()
  await answer()
  await answer()
  assert.deepEqual(sent.slice(8), ["18", "19", "20"])
  assert.deepEqual([deliveries.status.waiting, deliveries.status.isDelivering], [8, true])
  assert.deepEqual(deliveries.progress(), { hook: keyOf(OPTIONS.url), upTo: "12", done: [] })
})

test("a failed event waits longer each time, and others wait until the receiver answers again", async () => {
  const { deliveries, sent, take, answer, clock } = bench()
  deliveries.begin()
  deliveries.start()
  take("1", "a")
  take("2", "a")
  take("3", "b")
  assert.deepEqual(sent, ["1", "3"])
  await answer(FAILED)
  await answer()
  take("4", "c")
  assert.deepEqual(sent, ["1", "3"])
  assert.partialDeepStrictEqual(deliveries.status, {
    failing: undefined,
    deliveredAt: clock.now(),
    outcomes: { delivered: 1, status: 1 },
  })
  await clock.pass(999)
  assert.deepEqual(sent, ["1", "3"])
  await clock.pass(1)
  assert.deepEqual(sent.slice(2), ["4", "1"])
  await answer(FAILED)
  await answer(FAILED)
  assert.deepEqual(deliveries.status.failing, { since: clock.now(), attempts: 2, reason: FAILED.failure })
  await clock.pass(1_000)
  await answer(FAILED)
  await clock.pass(3_999)
  assert.deepEqual(sent.slice(4), ["4"])
  await clock.pass(1)
  assert.deepEqual(sent.slice(4), ["4", "1"], "one at a time")
})

test("a receiver can ask for a wait, of up to an hour", async () => {
  const { deliveries, sent, take, answer, clock } = bench()
  deliveries.begin()
  deliveries.start()
  take("1", "a")
  await answer({ ...FAILED, retryAfter: 5_000 })
  await clock.pass(4_999)
  assert.equal(sent.length, 1)
  await clock.pass(1)
  assert.equal(sent.length, 2)
  await answer({ ...FAILED, retryAfter: 2 * 3_600_000 })
  await clock.pass(3_599_999)
  assert.equal(sent.length, 2)
  await clock.pass(1)
  assert.equal(sent.length, 3)
})

test("an event that cannot be delivered for three days is dropped and reported", async () => {
  const { deliveries, sent, take, answer, clock, reports } = bench()
  deliveries.begin()
  deliveries.start()
  take("1", "a", 3 * DAY)
  await answer(FAILED)
  assert.equal(deliveries.status.waiting, 1)
  await clock.pass(1_000)
  assert.deepEqual(sent, ["1", "1"])
  await answer(FAILED)
  assert.partialDeepStrictEqual(deliveries.status, { waiting: 0, outcomes: { dropped: 1, status: 2 } })
  assert.deepEqual(reports, [
    "The webhook at app.example failed: it answered with status 500. It is tried again, at most an hour later.",
    "The webhook at app.example does not get the event 1: it answered with status 500.",
  ])
  assert.equal(deliveries.progress().upTo, "1")
})

test("a receiver that fails now and then is reported once a minute", async () => {
  const { deliveries, take, answer, clock, reports } = bench()
  deliveries.begin()
  deliveries.start()
  for (const [wait, expected] of [
    [0, 1],
    [59_000, 1],
    [0, 2],
    [59_001, 3],
  ] as const) {
    await clock.pass(wait)
    take(`${clock.monotonic()}`, "a")
    await answer(FAILED)
    assert.equal(reports.length, expected, `after ${clock.monotonic()} ms`)
    await clock.pass(1_000)
    await answer()
  }
})

test("when too many events wait, the oldest is dropped, and reported by the hub that delivers", async () => {
  for (const isDelivering of [true, false]) {
    const { deliveries, take, reports } = bench({ maxPending: 2 })
    deliveries.begin()
    if (isDelivering) deliveries.start()
    for (const position of ["1", "2", "3"]) take(position, "a")
    assert.partialDeepStrictEqual(deliveries.status, { waiting: 2, outcomes: { dropped: isDelivering ? 1 : 0 } })
    const expected = "The webhook at app.example does not get the event 1: more than 2 events wait."
    assert.deepEqual(reports, isDelivering ? [expected] : [])
    assert.equal(deliveries.progress().upTo, "1")
  }
})

test("a hub that may not deliver sends nothing, and one that stops leaves its events to the next", async () => {
  const other = bench({ isMine: false })
  other.deliveries.begin()
  other.deliveries.start()
  other.take("1", "a")
  assert.deepEqual([other.sent, other.deliveries.status.isDelivering], [[], false])
  other.allow()
  other.deliveries.resume()
  assert.deepEqual([other.sent, other.deliveries.status.isDelivering], [["1"], true])
  const { deliveries, sent, take, answer } = bench()
  deliveries.begin()
  deliveries.start()
  take("1", "a")
  deliveries.stop()
  await answer()
  assert.deepEqual([sent, deliveries.status.waiting, deliveries.status.outcomes.delivered], [["1"], 1, 0])
  deliveries.start()
  assert.deepEqual(sent, ["1", "1"])
})

test("what another hub has delivered is not sent again, and what it has not is", () => {
  const { deliveries, sent, take } = bench()
  deliveries.hear({ hook: "", upTo: "2", done: ["4"] })
  for (const position of ["1", "2", "3", "4", "5"]) take(position, position)
  deliveries.begin()
  assert.equal(deliveries.status.waiting, 2)
  deliveries.hear({ hook: "", upTo: "1", done: ["5"] })
  assert.equal(deliveries.status.waiting, 1)
  deliveries.start()
  deliveries.hear({ hook: "", upTo: "9", done: [] })
  assert.deepEqual(sent, ["3"])
  assert.equal(deliveries.progress().upTo, "2")
})

test("progress tells what was delivered before the oldest event that waits, and each one after it", async () => {
  const { deliveries, take, answer } = bench()
  deliveries.begin()
  deliveries.start()
  for (const position of ["1", "2", "3", "4"]) take(position, position)
  const progress = (): unknown[] => [deliveries.progress().upTo, deliveries.progress().done]
  assert.deepEqual(progress(), ["", []])
  await answer()
  assert.deepEqual(progress(), ["1", []])
  await answer(FAILED)
  await answer()
  await answer()
  assert.deepEqual(progress(), ["1", ["3", "4"]])
})

test("a webhook of which no progress is recorded gets what happens from now on", () => {
  const { deliveries, sent, take } = bench()
  take("1", "a")
  deliveries.begin()
  deliveries.start()
  assert.deepEqual([sent, deliveries.progress().upTo], [[], "1"])
  take("2", "a")
  deliveries.begin()
  assert.deepEqual(sent, ["2"])
})

test("the wait doubles with each failure up to an hour, and is jittered to between half and all of it", () => {
  const waits = (random: number): number[] => [1, 2, 3, 12, 13, 100].map((failures) => backoff(failures, random))
  assert.deepEqual(waits(1), [1_000, 2_000, 4_000, 2_048_000, 3_600_000, 3_600_000])
  assert.deepEqual(waits(0), [500, 1_000, 2_000, 1_024_000, 1_800_000, 1_800_000])
})

test("a delivery is signed with each secret, and its second", () => {
  const sum = (secret: string): string => createHmac("sha256", secret).update("1700000000.body").digest("hex")
  assert.equal(signatureOf("body", ["one", "two"], 1_700_000_000_999), `t=1700000000,v1=${sum("one")},v1=${sum("two")}`)
})

const keyOf = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 16)

test("webhooks have names of their own for operators, and keys that tell nothing", () => {
  const hooks = resolveWebhooks([
    OPTIONS,
    { ...OPTIONS, url: `${OPTIONS.url}/2` },
    { ...OPTIONS, url: `${OPTIONS.url}/3` },
    { ...OPTIONS, name: "app", topics: ["a", "b/*"], timeout: 5, secret: [SECRET, SECRET] },
  ])
  assert.deepEqual(
    hooks.map(({ label }) => label),
    ["app.example", "app.example (2)", "app.example (3)", "app"],
  )
  const [first, , , last] = hooks
  assert.deepEqual([first?.key, last?.key], [keyOf(OPTIONS.url), keyOf("app")])
  assert.deepEqual([first?.timeout, first?.topics, first?.patterns, first?.secrets], [10_000, [], ["*"], [SECRET]])
  assert.deepEqual([last?.timeout, last?.topics, last?.patterns], [5, ["a"], ["b/*"]])
  assert.deepEqual(
    ["a", "b/c", "b"].map((topic) => last?.covers(topic)),
    [true, true, false],
  )
  assert.throws(() => resolveWebhooks([{ ...OPTIONS, secret: "x".repeat(31) }]), /fewer than 32 bytes/)
  assert.throws(() => resolveWebhooks([{ ...OPTIONS, secret: [] }]), /fewer than 32 bytes/)
  assert.equal(resolveWebhooks([{ ...OPTIONS, secret: "x".repeat(32) }]).length, 1)
})

test("what is announced changes only by what is news, and survives a restart in parts of limited size", () => {
  const announced = new Announced()
  const apply = (event: QueuedEvent["event"], topic: string, userId?: string): boolean =>
    announced.apply({ event, topic, ...(userId !== undefined && { userId }) })
  assert.deepEqual(
    [
      apply("user.joined", "a", "ada"),
      apply("user.left", "a", "ada"),
      apply("topic.vacated", "a"),
      apply("topic.occupied", "a"),
      apply("topic.occupied", "a"),
      apply("user.joined", "a", "ada"),
      apply("user.joined", "a", "ada"),
      apply("user.left", "a", "bob"),
      apply("stream.opened", ""),
      apply("stream.closed", ""),
    ],
    [false, false, false, true, false, true, false, false, true, true],
  )
  for (let i = 0; i < 2_000; i++) apply("topic.occupied", `topic ${i}`.padEnd(40, "."))
  const parts = announced.parts()
  const sizes = parts.map(({ topics }) => JSON.stringify(topics).length)
  assert.ok(sizes.every((size) => size < 40_000) && parts.length === 3, sizes.join(", "))
  assert.deepEqual(
    parts.map(({ isFirst }) => isFirst),
    [true, undefined, undefined],
  )
  const restored = new Announced()
  restored.apply({ event: "topic.occupied", topic: "old" })
  for (const part of parts) restored.restore(part)
  assert.deepEqual([...restored.topics()], [...announced.topics()])
  assert.deepEqual([...restored.since(announced, "a")], [])
  assert.deepEqual(
    [...restored.since(new Announced(), "a")].map(({ event, userId }) => [event, userId]),
    [
      ["topic.occupied", undefined],
      ["user.joined", "ada"],
    ],
  )
  assert.deepEqual(
    [...new Announced().since(restored, "a")].map(({ event, userId }) => [event, userId]),
    [
      ["user.left", "ada"],
      ["topic.vacated", undefined],
    ],
  )
})

test("stream events wait for the log, in batches of 200, and the oldest of more than 10,000 are dropped", async () => {
  const clock = createClock()
  const stored: number[] = []
  const reports: unknown[] = []
  let [dropped, isAway] = [0, true]
  const events = createStreamEvents({
    ...{ me: "me", timing: clock, isWanted: ({ topics }) => topics?.[0] !== "b" },
    async append(batch) {
      if (isAway) throw new Error("away")
      stored.push(batch.length)
    },
    onDropped: () => dropped++,
    report: (error) => reports.push(error),
  })
  const open = (id: number, topic = "a"): void =>
    events.observe({ type: "opened", id, topics: [topic], patterns: [] } as never)
  open(0, "b")
  for (let i = 0; i < 10_002; i++) open(i)
  await clock.settle()
  assert.deepEqual([dropped, reports.length, stored], [2, 1, []])
  isAway = false
  await clock.pass(999)
  assert.deepEqual(stored, [])
  await clock.pass(1)
  assert.deepEqual([stored.length, new Set(stored)], [50, new Set([200])])
  isAway = true
  open(1)
  await events.close()
  assert.equal(reports.length, 1, "what fails at the end is not reported")
})
