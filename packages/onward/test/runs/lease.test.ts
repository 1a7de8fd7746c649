import assert from "node:assert/strict"
import { test } from "node:test"
import { guardLease } from "../../src/runs/lease.ts"
import { messageOf, type RunRecord } from "../../src/runs/record.ts"
import { Replica } from "../../src/runs/replica.ts"
import { createViewerCount } from "../../src/runs/viewer-count.ts"
import { createClock } from "../../src/testing/index.ts"
import { unavailable } from "../hub/faulty-log.ts"

const LEASE = 10_000
const open: RunRecord = { type: "open", by: "a", format: "lines" }

function stage({ random = 0 }: { readonly random?: number } = {}) {
  const clock = createClock()
  clock.random = () => random
  const replica = new Replica({ id: "a", topic: "stream.run/-/a" })
  const written: RunRecord[] = []
  const state = { failure: undefined as Error | undefined, refreshed: 0, onRefresh: (): void => {} }
  replica.refresh = async () => {
    state.refreshed++
    state.onRefresh()
  }
  /** The log has a record, as far as this process has read it. */
  function hear(record: RunRecord): void {
    const counts = replica.records.take({ ...messageOf(replica.topic, record), position: "life0000~11", time: 0 })
    if (!counts) return
    replica.heard++
    if (replica.records.ended) replica.end({ status: "stopped" })
    replica.changed()
  }
  const append = async (record: RunRecord): Promise<void> => {
    written.push(record)
    if (state.failure) throw state.failure
  }
  const stop = guardLease(replica, { clock, lease: LEASE, append })
  return { clock, replica, written, state, hear, stop }
}

test("a producer is lost when it was silent for a lease, or up to a twentieth longer", async () => {
  for (const [random, timeout] of [
    [0, 10_000],
    [1, 10_500],
  ] as const) {
    const { clock, written, state, hear, stop } = stage({ random })
    hear(open)
    await clock.pass(timeout - 1)
    assert.equal(written.length, 0)
    await clock.pass(1)
    assert.equal(state.refreshed, 1)
    assert.deepEqual(
      written.map((record) => record.type === "end" && [record.status, record.by, record.error?.code]),
      [["lost", undefined, "producer_lost"]],
    )
    stop()
    assert.equal(clock.timers, 0)
  }
})

test("a record of the producer begins its lease again", async () => {
  const { clock, written, hear, stop } = stage()
  hear(open)
  for (let n = 1; n <= 5; n++) {
    await clock.pass(9_000)
    hear({ type: "beat", by: "a", n })
  }
  await clock.pass(9_999)
  assert.equal(written.length, 0)
  await clock.pass(2_500)
  assert.equal(written.length, 1)
  stop()
})

test("a change that is not a record of the producer does not begin its lease again", async () => {
  const { clock, replica, written, hear, stop } = stage()
  hear(open)
  for (let second = 0; second < 10; second++) {
    await clock.pass(1_000)
    replica.changed()
  }
  assert.equal(written.length, 1)
  stop()
})

test("a run that has not begun, or whose producer is this process, is not lost", async () => {
  const { clock, replica, written, hear, stop } = stage()
  await clock.pass(60_000)
  assert.equal(written.length, 0)
  hear(open)
  replica.producer = { rewrite: () => {} }
  await clock.pass(60_000)
  assert.equal(written.length, 0)
  replica.producer = undefined
  await clock.pass(9_999)
  assert.equal(written.length, 0)
  await clock.pass(2_501)
  assert.equal(written.length, 1)
  stop()
})

test("time in which this process was suspended is no silence", async () => {
  const { clock, written, hear, stop } = stage()
  hear(open)
  const { monotonic } = clock
  let suspended = 0
  clock.monotonic = () => monotonic() + suspended
  await clock.pass(2_000)
  suspended = 3_600_000
  // twice the time between two looks counts at most
  await clock.pass(500)
  await clock.pass(4_999)
  assert.equal(written.length, 0)
  await clock.pass(1)
  assert.equal(written.length, 1)
  stop()
})

test("a producer that was heard in the last read, or a run that has ended, is not lost", async () => {
  for (const record of [
    { type: "beat", by: "a", n: 1 },
    { type: "end", mark: "m", status: "stopped" },
  ] as const) {
    const { clock, written, state, hear, stop } = stage()
    hear(open)
    state.onRefresh = () => hear(record)
    await clock.pass(10_000)
    assert.equal(state.refreshed, 1)
    assert.equal(written.length, 0)
    state.onRefresh = () => {}
    await clock.pass(60_000)
    assert.equal(written.length > 0, record.type === "beat")
    assert.equal(clock.timers, record.type === "beat" ? 1 : 0)
    stop()
  }
})

test("a log that does not take the end is asked again a lease later", async () => {
  const { clock, written, state, hear, stop } = stage()
  state.failure = unavailable
  hear(open)
  await clock.pass(10_000)
  assert.equal(written.length, 1)
  await clock.pass(9_999)
  assert.equal(written.length, 1)
  await clock.pass(1)
  assert.equal(written.length, 2)
  stop()
})

test("a guard that is stopped while it reads the log marks nothing", async () => {
  const { clock, replica, written, state, hear, stop } = stage()
  hear(open)
  state.onRefresh = stop
  await clock.pass(60_000)
  assert.equal(written.length, 0)
  assert.equal(clock.timers, 0)
  hear({ type: "beat", by: "a", n: 1 })
  assert.equal(replica.heard, 2)
})

test("viewers of another process are counted in one record a second, and none after the end", async () => {
  const clock = createClock()
  const written: RunRecord[] = []
  let failure: Error | undefined
  const count = createViewerCount({
    clock,
    registry: {
      async append(_, records) {
        written.push(...records)
        if (failure) throw failure
      },
    },
  })
  const [replica, produced, other] = ["a", "b", "c"].map((id) => new Replica({ id, topic: id })) as [
    ...[Replica, Replica, Replica],
  ]
  const meter = { viewers: 0, resumes: 0 }
  produced.meter = meter as never
  count(replica, false)
  count(replica, true)
  count(produced, false)
  count(produced, true)
  assert.deepEqual(meter, { viewers: 2, resumes: 1 })
  await clock.pass(999)
  assert.equal(written.length, 0)
  failure = unavailable
  await clock.pass(1)
  assert.deepEqual(written, [{ type: "seen", viewers: 2, resumes: 1 }])
  failure = undefined
  count(replica, false)
  await clock.pass(1_000)
  assert.deepEqual(written.slice(1), [{ type: "seen", viewers: 1, resumes: 0 }])
  count(other, false)
  other.end({ status: "completed" })
  await clock.pass(1_000)
  count(other, true)
  assert.equal(clock.timers, 0)
  assert.equal(written.length, 2)
})
