import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, internalsOf } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { sweepOrphans } from "../../src/runs/orphan-sweep.ts"
import { messageOf, type RunRecord } from "../../src/runs/record.ts"
import type { RunRegistry } from "../../src/runs/registry.ts"
import { Replica } from "../../src/runs/replica.ts"
import { createRunTopics } from "../../src/runs/run-topic.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"
import { lines } from "./lines.ts"

const LEASE = 1_000
const open: RunRecord = { type: "open", by: "a", format: "lines" }
const beat: RunRecord = { type: "beat", by: "a", n: 1 }

/** A sweep of a log, and the runs whose replicas it holds or has held. */
function stage() {
  const clock = createClock()
  const hub = createHub({ clock })
  const internals = internalsOf(hub)
  const topics = createRunTopics("run/")
  const held: string[] = []
  const acquired: string[] = []
  const state = { failure: undefined as Error | undefined, records: [open] as readonly RunRecord[] }
  const registry: Pick<RunRegistry, "acquire" | "release"> = {
    async acquire(place) {
      acquired.push(place.id)
      if (state.failure) throw state.failure
      held.push(place.id)
      const replica = new Replica(place)
      for (const [at, record] of state.records.entries()) {
        replica.records.take({ ...messageOf(place.topic, record), position: `life0000~1${at}`, time: 0 })
      }
      if (replica.records.ended) replica.end({ status: "completed" })
      return replica
    },
    release: ({ id }) => void held.splice(held.indexOf(id), 1),
  }
  const { tailListeners } = internals.context
  const listeners = new Set<unknown>()
  const add = tailListeners.add.bind(tailListeners)
  tailListeners.add = (listener, topic) => {
    const undo = add(listener, topic)
    listeners.add(listener)
    return () => {
      undo()
      listeners.delete(listener)
    }
  }
  const stop = sweepOrphans({ internals, clock, registry: registry as RunRegistry, topics, lease: LEASE })
  const append = (id: string, record: RunRecord) => internals.append([messageOf(topics.of(id, {}).topic, record)])
  return { clock, hub, internals, listeners, held, acquired, state, stop, append }
}

test("a run is checked once it has been silent for a lease, and held for two", async () => {
  const { clock, hub, held, acquired, append } = stage()
  await append("a", open)
  await append("other", beat)
  await clock.pass(LEASE)
  assert.deepEqual(acquired, [])
  await clock.pass(LEASE)
  assert.deepEqual(held, ["a"])
  await clock.pass(2 * LEASE - 1)
  assert.deepEqual(held, ["a"])
  await clock.pass(1)
  assert.deepEqual(held, [])
  // its end has not been read: it is watched further
  await clock.pass(2 * LEASE)
  assert.deepEqual(acquired, ["a", "a"])
  await hub.close()
})

test("a run whose producer writes is not checked, whatever its viewers write", async () => {
  const { clock, hub, acquired, append } = stage()
  for (const id of ["heard", "viewed"]) await append(id, open)
  for (let round = 0; round < 3; round++) {
    await clock.pass(LEASE)
    await append("heard", { ...beat, n: round + 1 })
    await append("viewed", { type: "seen", viewers: 1, resumes: 0 })
  }
  assert.deepEqual([...new Set(acquired)], ["viewed"])
  await hub.close()
})

test("a run that has ended or was deleted is not checked", async () => {
  const { clock, hub, acquired, append } = stage()
  for (const id of ["ended", "deleted"]) await append(id, open)
  await append("ended", { type: "end", mark: "x", by: "a", status: "completed" })
  await append("deleted", { type: "delete", mark: "x" })
  await clock.pass(10 * LEASE)
  assert.deepEqual(acquired, [])
  await hub.close()
})

test("a run that turns out to have ended, or that a recreated log does not have, is not checked again", async () => {
  for (const records of [[open, { type: "end", mark: "x", by: "a", status: "completed" }], []] as const) {
    const { clock, hub, acquired, state, append } = stage()
    state.records = records
    await append("a", open)
    await clock.pass(10 * LEASE)
    assert.deepEqual(acquired, ["a"])
    await hub.close()
  }
})

test("a run that could not be read is checked again", async () => {
  const { clock, hub, acquired, state, append } = stage()
  state.failure = unavailable
  await append("a", open)
  await clock.pass(2 * LEASE)
  assert.deepEqual(acquired, ["a"])
  await clock.pass(2 * LEASE)
  assert.deepEqual(acquired, ["a", "a"])
  await hub.close()
})

test("after its end a sweep checks nothing, and has no timer", async () => {
  const { clock, hub, held, acquired, listeners, stop, append } = stage()
  assert.equal(listeners.size, 1)
  await append("a", open)
  await clock.pass(2 * LEASE)
  assert.deepEqual(held, ["a"])
  stop()
  await append("b", open)
  await clock.pass(10 * LEASE)
  assert.deepEqual(acquired, ["a"])
  assert.deepEqual(held, [])
  await hub.close()
  assert.equal(listeners.size, 0)
  assert.equal(clock.timers, 0)
})

test("a process watches 10,000 runs, and drops the oldest of more", async () => {
  const { clock, hub, acquired, state, internals } = stage()
  state.failure = unavailable
  for (let at = 0; at < 10_001; at++) {
    const message = messageOf(`stream.run/-/${at}`, open)
    internals.context.tailListeners.arrive({ ...message, position: "life0000~11", time: 0 })
  }
  await clock.pass(2 * LEASE)
  assert.equal(acquired.length, 10_000)
  assert.equal(acquired[0], "1")
  assert.equal(acquired.at(-1), "10000")
  await hub.close()
})

test("a run without viewers whose process has died ends as lost, in a process that saw it start", async () => {
  const [dead, clock] = [createClock(), createClock()]
  const log = faultyLog(memoryLog({ clock }))
  const shared = { ...log, close: async () => {} }
  const one = createRuns({ log: shared, format: lines, clock: dead, lease: LEASE })
  const two = createRuns({ log: shared, format: lines, clock, lease: LEASE })
  await clock.settle()
  await one.start("a", () => new ReadableStream())
  await clock.pass(6 * LEASE)
  const { entries } = await log.read({ after: (await log.bounds()).first, limit: 10 })
  const { event, data } = entries.at(-1) ?? { data: "{}" }
  assert.deepEqual([event, JSON.parse(data).status, JSON.parse(data).error.code], ["run.end", "lost", "producer_lost"])
  await two.close()
  const { read } = log.calls
  await clock.pass(60_000)
  assert.equal(clock.timers, 0)
  assert.equal(log.calls.read, read)
  const closing = one.close()
  await dead.pass(10_000)
  await closing
  assert.equal(dead.timers, 0)
})
