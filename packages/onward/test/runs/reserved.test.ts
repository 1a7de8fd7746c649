import assert from "node:assert/strict"
import { test } from "node:test"
import { defineEvents } from "../../src/events.ts"
import { createHub } from "../../src/hub/index.ts"
import { memoryLog, type Log } from "../../src/log/index.ts"
import { sse } from "../../src/node/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { connect } from "../../src/testing/index.ts"
import { lines } from "./lines.ts"
import { textOf } from "./text-of.ts"

/** What a run writes into its log, as one who may publish would have to forge it. */
const FORGERIES = [
  { event: "run.end", data: { mark: "x", status: "stopped" } },
  { event: "run.delete", data: { mark: "x" } },
  { event: "run.open", data: { by: "x", format: "lines" } },
  { event: "run.delta", data: { by: "x", n: 1, frames: ["forged"] } },
]
const anything = { "~standard": { version: 1, vendor: "test", validate: (value: unknown) => ({ value }) } } as const
const contract = defineEvents(Object.fromEntries(FORGERIES.map(({ event }) => [event, anything])))

async function* told(): AsyncGenerator<string> {
  yield "Once "
  yield "upon a time"
}

const entriesOf = async (log: Log) => (await log.read({ after: (await log.bounds()).first, limit: 100 })).entries

for (const events of [undefined, contract]) {
  test(`no published message reaches a run${events ? ", with a contract that allows such events" : ""}`, async () => {
    const log = memoryLog()
    const hub = createHub({ log, ...(events && { events }) })
    await using runs = createRuns({ hub, format: lines })
    let next = (): void => {}
    const paused = new Promise<void>((resolve) => (next = resolve))
    await runs.start(
      "a",
      async function* () {
        yield "Once "
        await paused
        yield "upon a time"
      },
      { owner: "ada" },
    )
    const watching = textOf(runs.attach("a", { owner: "ada" }))
    const topics = new Set((await entriesOf(log)).map(({ topic }) => topic))
    assert.equal(topics.size, 1)
    for (const [topic] of topics.entries()) {
      assert.match(topic, /^stream\./)
      for (const forged of FORGERIES) {
        await assert.rejects(hub.publish({ topic, ...forged }), { code: "invalid_selector" })
        await assert.rejects(hub.publishMany([{ topic, ...forged }]), { code: "invalid_selector" })
        for (const near of [
          topic.slice("stream.".length),
          "run/a",
          "run/=ada/a",
          ` ${topic}`,
          `Stream${topic.slice(6)}`,
        ]) {
          await hub.publish({ topic: near, ...forged })
        }
      }
      const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: [topic] })))
      assert.equal(reader.status, 400)
    }
    next()
    assert.equal(await watching, "Once upon a time[completed]")
    await hub.close()
  })
}

test("a run id of one owner neither blocks nor reveals that of another", async () => {
  await using runs = createRuns({ format: lines })
  const owners = [undefined, "", "ada", "eve", "-", "=ada", "ada/a", "a/d a", "a*", ":a", "%61da", "\u{1F600}", "ADA"]
  const who = owners.map((owner) => (owner === undefined ? {} : { owner }))
  for (const each of who) assert.equal((await runs.status("a", each)).status, "unknown")
  for (const [at, each] of who.entries()) {
    const { isNew } = await runs.start(
      "a",
      async function* () {
        yield `${at}`
      },
      each,
    )
    assert.ok(isNew, `${each.owner}`)
  }
  for (const [at, each] of who.entries()) assert.equal(await textOf(runs.attach("a", each)), `${at}[completed]`)
  assert.equal(await runs.delete("a", { owner: "eve" }), "deleted")
  assert.equal((await runs.status("a", { owner: "eve" })).status, "expired")
  assert.equal((await runs.status("a", { owner: "ada" })).status, "completed")
  // as a path that another owner's id would continue
  await runs.start("b/c", told, { owner: "ada" })
  assert.equal((await runs.status("c", { owner: "ada/b" })).status, "unknown")
})

test("an owner that is not text, and a prefix that cannot be part of a topic, are programming errors", async () => {
  await using runs = createRuns({ format: lines })
  for (const owner of [42, null, {}, "\ud800", "x".repeat(257)] as string[]) {
    await assert.rejects(runs.start("a", told, { owner }), TypeError)
    await assert.rejects(runs.status("a", { owner }), TypeError)
  }
  for (const prefix of ["a\n", "*", "x".repeat(129), 3 as unknown as string, "\ud800"]) {
    assert.throws(() => createRuns({ format: lines, prefix }), TypeError)
  }
})

test("records of another version are ignored", async () => {
  const log = memoryLog()
  await using runs = createRuns({ log, format: lines })
  let next = (): void => {}
  const paused = new Promise<void>((resolve) => (next = resolve))
  await runs.start("a", async function* () {
    yield "Once "
    await paused
    yield "upon a time"
  })
  const watching = textOf(runs.attach("a"))
  const [opened] = await entriesOf(log)
  const { topic = "", data = "" } = opened ?? {}
  const { by } = JSON.parse(data) as { by: string }
  const end = { mark: "x", by, status: "completed" }
  const damaged: [event: string, data: unknown][] = [
    ["run.end", { mark: "x", status: "completed" }],
    ["run.end", { mark: "x", status: "failed" }],
    ["run.end", { ...end, status: "running" }],
    ["run.end", { ...end, by: 1 }],
    ["run.end", { ...end, error: "x" }],
    ["run.end", { ...end, error: { code: "x" } }],
    ["run.end", { ...end, usage: 3 }],
    ["run.end", { ...end, usage: { output: "3" } }],
    ["run.end", { ...end, metrics: {} }],
    ["run.end", [end]],
    ["run.delete", {}],
    ["run.delta", { by, n: 1_000, frames: [1] }],
    ["run.delta", { by, n: 1_000, frames: [["a"]] }],
    ["run.delta", { by, n: 1_000, frames: "ab" }],
    ["run.delta", { by, n: 1e300, frames: ["x"] }],
    ["run.delta", { by, n: -1, frames: ["x"] }],
    ["run.beat", { by, n: "1000" }],
    ["run.seen", { viewers: -1, resumes: 0 }],
    ["run.toString", {}],
    ["run.__proto__", {}],
    ["run.", {}],
  ]
  await log.append(damaged.map(([event, each]) => ({ topic, event, data: JSON.stringify(each) })))
  await log.append(["", "null", "{", "3", '"x"'].map((text) => ({ topic, event: "run.end", data: text })))
  next()
  assert.equal(await watching, "Once upon a time[completed]")
  await using other = createRuns({ log: { ...log, close: async () => {} }, format: lines })
  assert.equal(await textOf(other.attach("a")), "Once upon a time[completed]")
})
