import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, internalsOf } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createAges } from "../../src/runs/ages.ts"
import { messageOf, type RunRecord } from "../../src/runs/record.ts"
import { createRegistry } from "../../src/runs/registry.ts"
import { Replica, whenEnded } from "../../src/runs/replica.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"

const place = { id: "a", topic: "stream.run/-/a" }
const open: RunRecord = { type: "open", by: "x", format: "lines" }

function stage() {
  const clock = createClock()
  const log = faultyLog(memoryLog({ clock }))
  const hub = createHub({ log, clock, onError: () => {} })
  const internals = internalsOf(hub)
  const registry = createRegistry({ internals, ages: createAges(internals, clock), lease: 10_000, clock })
  return { clock, log, hub, registry }
}

test("callers share one replica of a run, which ends with the last of them", async () => {
  const { clock, hub, registry } = stage()
  const [one, two] = await Promise.all([registry.acquire(place), registry.acquire(place)])
  assert.equal(one, two)
  assert.equal(one.users, 2)
  const timers = clock.timers
  registry.release(one)
  assert.equal(registry.replicas.size, 1)
  assert.equal(await registry.acquire(place), one)
  registry.release(one)
  registry.release(one)
  assert.equal(registry.replicas.size, 0)
  assert.ok(clock.timers < timers, "its lease is no longer guarded")
  const other = await registry.acquire(place)
  assert.notEqual(other, one)
  registry.release(other)
  await hub.close()
})

test("a replica that is released while another caller waits for it is opened again", async () => {
  const { hub, registry } = stage()
  const first = registry.acquire(place)
  const second = registry.acquire(place)
  const one = await first
  registry.release(one)
  const two = await second
  assert.equal(registry.replicas.size, 1)
  assert.equal(await registry.replicas.get(place.topic), two)
  registry.release(two)
  assert.equal(registry.replicas.size, 0)
  await hub.close()
})

test("a run that cannot be read is not kept, and a caller that fails releases it", async () => {
  const { clock, log, hub, registry } = stage()
  await clock.settle()
  log.failure = unavailable
  await assert.rejects(registry.acquire(place), unavailable)
  assert.equal(registry.replicas.size, 0)
  log.failure = undefined
  await clock.pass(10_000)
  const replica = await registry.acquire(place)
  log.failure = unavailable
  await assert.rejects(registry.acquire(place), unavailable)
  assert.equal(replica.users, 1)
  log.failure = undefined
  registry.release(replica)
  await hub.close()
})

test("a caller finds a run that another process began after the replica was opened", async () => {
  const { log, hub, registry } = stage()
  const replica = await registry.acquire(place)
  assert.equal(replica.hasBegun("x"), false)
  await log.append([messageOf(place.topic, open)])
  await registry.acquire(place)
  assert.equal(replica.hasBegun("x"), true)
  const { read } = log.calls
  await registry.acquire(place)
  assert.equal(log.calls.read, read, "a run that has begun is not read again")
  for (let users = 3; users > 0; users--) registry.release(replica)
  await hub.close()
})

test("records are appended together, in order, and fail with the log", async () => {
  const { clock, log, hub, registry } = stage()
  const replica = await registry.acquire(place)
  await registry.append(replica, [open, { type: "beat", by: "x", n: 1 }])
  await clock.settle()
  assert.equal(replica.heard, 2)
  assert.equal(replica.records.n, 1)
  log.failure = unavailable
  await assert.rejects(registry.append(replica, [{ type: "beat", by: "x", n: 2 }]), unavailable)
  log.failure = undefined
  registry.release(replica)
  await hub.close()
})

test("frames that are not stored follow those that are, until the run has ended", () => {
  const replica = new Replica(place)
  const take = (record: RunRecord, at: number): void =>
    void replica.records.take({ ...messageOf(place.topic, record), position: `life0000~1${at}`, time: 0 })
  take(open, 0)
  for (const n of [1, 2]) take({ type: "delta", by: "x", n, frames: [`${n}`] }, n)
  assert.equal(replica.count, 2)
  replica.unstored = [
    { ordinal: 2, frames: ["3"] },
    { ordinal: 3, frames: ["4"] },
  ]
  assert.equal(replica.count, 4)
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((at) => replica.frames(at)),
    [["1"], ["2"], ["3"], ["4"], []],
  )
  assert.deepEqual(
    [1, 2].map((at) => replica.positionOf(at)),
    ["life0000~12", undefined],
  )
  take({ type: "delta", by: "x", n: 3, frames: ["3"] }, 3)
  assert.deepEqual(
    [2, 3].map((at) => replica.frames(at)),
    [["3"], ["4"]],
  )
  replica.unstored = [{ ordinal: 1, frames: ["2"] }]
  assert.equal(replica.count, 3)
  assert.equal(replica.hasBegun("x"), true)
  assert.equal(replica.hasBegun("y"), false)
  replica.unstored = [{ ordinal: 9, frames: [] }]
  replica.end({ status: "lost" })
  assert.equal(replica.count, 3)
  assert.equal(replica.hasBegun("x"), false)
  replica.end({ status: "completed" })
  assert.deepEqual(replica.ending, { status: "lost" })
})

test("listeners hear each change until they stop, and the end resolves once", async () => {
  const replica = new Replica(place)
  let heard = 0
  const stop = replica.listen(() => heard++)
  replica.changed()
  replica.changed()
  stop()
  replica.changed()
  assert.equal(heard, 2)
  let isOver = false
  const over = whenEnded(replica).then(() => (isOver = true))
  replica.changed()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(isOver, false)
  replica.end({ status: "completed" })
  await over
  await whenEnded(replica)
})
