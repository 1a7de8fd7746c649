import assert from "node:assert/strict"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test } from "node:test"
import { createHub } from "../../src/hub/index.ts"
import { sse } from "../../src/node/index.ts"
import { faultyLog, unavailable } from "./faulty-log.ts"
import { Recorder } from "./recorder.ts"
import { at, stage } from "./stage.ts"

for (const window of [{}, { maxEntries: 0 }]) {
  test(`what is known of a start point is told before the stream begins, window ${JSON.stringify(window)}`, async () => {
    const { hub, publish } = await stage({ window, retention: { topic: { count: 2 } } })
    await publish("a", "1")
    await hub.publish({ topic: "a", id: "mine", data: "2" })
    await publish("a", "3")
    await publish("b", "4")
    const subscription = hub.subscribe({ topics: ["a"] })
    const find = async (...asked: Parameters<typeof subscription.resolve>) =>
      (await subscription.resolve(...asked)).found
    assert.equal(await find(), "live")
    assert.equal(await find("earliest"), "earliest")
    assert.equal(await find({ last: 1 }), "earliest")
    assert.equal(await find({ after: "mine" }), "known")
    assert.equal(await find({ after: at(1) }), "known")
    assert.equal(await find({ after: at(4) }), "known")
    assert.equal(await find({ after: "other" }), "unknown")
    assert.equal(await find({ after: at(99) }), "unknown")
    assert.equal(await find({ after: "life0001~11" }), "trimmed", "of an earlier epoch")
    if (window.maxEntries === 0) assert.equal(await find({ after: at(0) }), "trimmed")
    const other = hub.subscribe({ patterns: ["b*"] })
    assert.equal((await other.resolve({ after: at(0) })).found, "known", "the loss is of another topic")
    await assert.rejects(subscription.resolve({ after: "x".repeat(2_000) }), { code: "cursor_too_long" })
    await assert.rejects(hub.subscribe({ topics: ["a*"] }).resolve(), { code: "invalid_selector" })
    await assert.rejects(subscription.resolve("live", { timout: 5 } as never), TypeError)
  })
}

test("a resolved subscription starts where it was resolved, and a later start point does not count", async () => {
  const { hub, clock, publish } = await stage()
  const [one = ""] = await publish("a", "1", "2")
  const { subscription } = await hub.subscribe({ topics: ["a"] }).resolve({ after: one })
  await publish("a", "3")
  const client = new Recorder()
  subscription.open("earliest").start(client)
  await clock.settle()
  assert.deepEqual([client.data, client.gaps], [["2", "3"], []])
})

test("subscriptions of different topics that are resolved together each start after their own entry with an id", async () => {
  const { hub, clock, publish } = await stage({ window: { maxEntries: 0 } })
  const topics = ["a", "b", "c"]
  for (const topic of topics) {
    await hub.publish({ topic, id: "mine", data: "" })
    await publish(topic, topic)
  }
  const resolved = await Promise.all(
    topics.map((topic) => hub.subscribe({ topics: [topic] }).resolve({ after: "mine" })),
  )
  for (const [i, { subscription }] of resolved.entries()) {
    const client = new Recorder()
    subscription.open().start(client)
    await clock.settle()
    assert.deepEqual(client.data, [topics[i]])
  }
})

test("after an unknown id come all kept entries, or with `unknownId` new ones only, both after a gap", async () => {
  for (const [unknownId, expected] of [
    [undefined, ["1", "2"]],
    ["replay", ["1", "2"]],
    ["live", ["2"]],
  ] as const) {
    for (const isResolved of [false, true]) {
      const { hub, clock, publish } = await stage()
      await publish("a", "1")
      const client = new Recorder()
      const given = hub.subscribe({ topics: ["a"], ...(unknownId && { unknownId }) })
      const { subscription } = isResolved ? await given.resolve({ after: "foreign" }) : { subscription: given }
      subscription.open({ after: "foreign" }).start(client)
      await clock.settle()
      await publish("a", "2")
      assert.deepEqual(client.data, expected, `${unknownId} ${isResolved}`)
      assert.equal((client.gaps[0] as { reason: string }).reason, "unknown")
      assert.equal(client.gaps.length, 1)
    }
  }
})

test("while the log is away a start is unavailable after the timeout, and is found when the log is back", async () => {
  const log = faultyLog()
  const { hub, clock, publish } = await stage({ log, window: { maxEntries: 0 } })
  await publish("a", "1")
  await hub.publish({ topic: "a", id: "mine", data: "2" })
  await publish("a", "3")
  log.failure = unavailable
  const resolving = hub.subscribe({ topics: ["a"] }).resolve({ after: "mine" }, { timeout: 2_000 })
  await clock.pass(2_500)
  const { found, subscription } = await resolving
  assert.equal(found, "unavailable")
  const client = new Recorder()
  subscription.open().start(client)
  log.failure = undefined
  await clock.pass(5_000)
  assert.deepEqual([client.data, client.gaps], [["3"], []])
})

test("over HTTP a resolved subscription ignores header and query, and other subscriptions do not", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  await hub.publishMany([
    { topic: "a", id: "1", data: "one" },
    { topic: "a", id: "2", data: "two" },
  ])
  const server = createServer((req, res) => {
    void (async () => {
      const subscription = hub.subscribe({ topics: ["a"], until: ({ id }) => id === "2" })
      const { subscription: resolved } = await subscription.resolve("earliest")
      sse(req, res, req.url?.startsWith("/resolved") ? resolved : subscription)
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const get = async (path: string) => (await fetch(url + path, { headers: { "last-event-id": "1" } })).text()
  const [plain, resolved] = await Promise.all([get("/?last=oops"), get("/resolved?last=oops")])
  assert.deepEqual([plain.includes("one"), plain.includes("two")], [false, true])
  assert.deepEqual([resolved.includes("one"), resolved.includes("two")], [true, true])
})
