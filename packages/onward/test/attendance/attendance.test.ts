import assert from "node:assert/strict"
import { test } from "node:test"
import { createAttendance, type Attendance } from "../../src/attendance/index.ts"
import { createHub, type Hub } from "../../src/hub/index.ts"
import { memoryLog } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "../hub/faulty-log.ts"
import { stage, type StageOptions } from "../hub/stage.ts"

/** Processes that share a log, and a subscriber of what is told of members. */
async function processes(count: number, options: StageOptions = {}) {
  const here = await stage(options)
  const { clock, connect } = here
  const told = await connect({ matchers: [{ topic: "told" }], may: [{ topic: "told" }] })
  const message = (data: string) => ({ topic: "told", private: true as const, data })
  const start = (hub: Hub): Attendance =>
    createAttendance(hub, { name: "test", onLeave: ({ id, data }) => [message(`left ${id} ${JSON.stringify(data)}`)] })
  // a process that ends does not close the log of the others
  const log = { ...here.log, close: async () => {} }
  const hubs = Array.from({ length: count }, () => here.another({ log }))
  const all = hubs.map(start)
  await clock.pass(100)
  return {
    ...here,
    told,
    hubs,
    all,
    startOn: start,
    start: () => start(here.another({ log })),
    async join(attendance: Attendance, id: string, identity?: string, returns = false) {
      const joining = attendance.join({
        ...{ id, data: { of: id }, returns, announce: [message(`joined ${id}`)] },
        ...(identity !== undefined && { identity }),
      })
      await clock.settle()
      const joined = await joining
      return joined
    },
    async ids(attendance: Attendance): Promise<string> {
      const listing = attendance.list()
      await clock.pass(1_100)
      return (await listing).members.map(({ id }) => id).join(" ")
    },
  }
}

test("a member is announced with its entry, and each process lists it as soon as it has joined", async () => {
  const { all, told, join } = await processes(2)
  const [one, two] = all as [Attendance, Attendance]
  await join(one, "a")
  await join(two, "b")
  assert.deepEqual(told.data, ["joined a", "joined b"])
  for (const each of all) {
    const { members, last } = await each.list()
    assert.deepEqual(members, [
      { id: "a", data: { of: "a" } },
      { id: "b", data: { of: "b" } },
    ])
    assert.ok(last > "")
  }
})

test("a member that leaves is listed for the grace period, and then told once, by one process", async () => {
  const { all, told, join, ids, clock } = await processes(3)
  const [one, two] = all as [Attendance, Attendance]
  const joined = await join(one, "a")
  joined.leave()
  joined.leave()
  await clock.pass(1_500)
  assert.deepEqual(told.data, ["joined a"])
  assert.equal(await ids(two), "a")
  await clock.pass(2_000)
  assert.deepEqual(told.data, ["joined a", 'left a {"of":"a"}'])
  assert.equal(await ids(two), "")
})

test("an identity that returns within the grace period keeps its id, and nothing is told, in any process", async () => {
  const { all, told, join, ids, clock } = await processes(2)
  for (const target of all as [Attendance, Attendance]) {
    const before = told.data.length
    const [one] = all as [Attendance]
    const first = await join(one, `id ${before}`, "ann")
    first.leave()
    await clock.pass(2_000)
    const back = await join(target, "new", "ann", true)
    assert.deepEqual([back.id, back.isBack, back.data], [first.id, true, { of: first.id }])
    await clock.pass(20_000)
    assert.deepEqual(told.data.slice(before), [`joined ${first.id}`])
    assert.equal(await ids(one), first.id)
    back.leave()
    await clock.pass(3_500)
    assert.deepEqual(told.data.slice(before), [`joined ${first.id}`, `left ${first.id} {"of":"${first.id}"}`])
  }
})

test("another identity, an identity that is not away, a new one without `returns` and a late one get ids of their own", async () => {
  const { all, join, clock } = await processes(2)
  const [one, two] = all as [Attendance, Attendance]
  const first = await join(one, "a", "ann")
  assert.equal((await join(two, "b", "ann", true)).isBack, false, "not away")
  first.leave()
  await clock.pass(100)
  assert.equal((await join(two, "c", "bob", true)).isBack, false, "another")
  assert.equal((await join(two, "d", "ann")).isBack, false, "new")
  await clock.pass(3_500)
  assert.equal((await join(two, "e", "ann", true)).isBack, false, "late")
})

test("when a process is killed, its members have left after three missed beats, each told once", async () => {
  const { all, told, join, ids, clock, hubs } = await processes(3)
  const [one, two] = all as [Attendance, Attendance, Attendance]
  for (let i = 0; i < 5; i++) await join(one, `a${i}`)
  await join(two, "b")
  // as by kill -9, the others are told nothing
  await (hubs[0] as Hub).close()
  await clock.pass(9_000)
  assert.equal(told.data.filter((each) => each.startsWith("left")).length, 0)
  await clock.pass(14_000)
  const left = told.data.filter((each) => each.startsWith("left"))
  assert.deepEqual(
    left.sort(),
    [0, 1, 2, 3, 4].map((i) => `left a${i} {"of":"a${i}"}`),
  )
  assert.equal(await ids(two), "b")
})

test("when a process ends, its members may return elsewhere, and others have left after the grace period", async () => {
  const { all, told, join, ids, clock } = await processes(2)
  const [one, two] = all as [Attendance, Attendance]
  await join(one, "a", "ann")
  await join(one, "b", "bob")
  await one.close()
  await clock.pass(1_000)
  assert.equal((await join(two, "new", "ann", true)).id, "a")
  await clock.pass(4_000)
  assert.deepEqual(told.data, ["joined a", "joined b", 'left b {"of":"b"}'])
  assert.equal(await ids(two), "a")
})

test("a process that starts later knows the members of the others, and what a dead one left behind is told", async () => {
  const { all, told, join, ids, clock, hubs, start } = await processes(1)
  const [one] = all as [Attendance]
  await join(one, "a")
  const later = start()
  await clock.pass(100)
  assert.equal(await ids(later), "a")
  await (hubs[0] as Hub).close()
  await later.close()
  const last = start()
  await clock.pass(25_000)
  assert.equal(await ids(last), "")
  assert.deepEqual(told.data, ["joined a", 'left a {"of":"a"}'])
})

test("a process that could not reach the log for so long that it counted as gone joins its members again", async () => {
  const faulty = faultyLog()
  const { told, join, ids, clock, another, startOn } = await processes(0, { log: faulty })
  const away = faultyLog(faulty)
  const one = startOn(another({ log: away }))
  const two = startOn(another())
  await clock.pass(100)
  const joined = await join(one, "a")
  away.failure = unavailable
  await clock.pass(30_000)
  assert.deepEqual(told.data, ["joined a", 'left a {"of":"a"}'])
  away.failure = undefined
  await clock.pass(10_000)
  assert.deepEqual(told.data, ["joined a", 'left a {"of":"a"}', "joined a"])
  assert.equal(await ids(two), "a")
  joined.leave()
  await clock.pass(4_000)
  assert.equal(told.data.length, 4)
  assert.equal(await ids(two), "")
})

test("records that are not a report are skipped", async () => {
  const { all, join, ids, log } = await processes(1)
  const [one] = all as [Attendance]
  await join(one, "a")
  const bad = ["", "null", "5", "{}", '{"is":"here","from":"x"}', '{"is":"here","from":"x","members":[null]}']
  for (const data of [...bad, '{"is":"away","from":"x"}', '{"is":"later","from":"x"}', '{"is":"bye"}']) {
    await log.append([{ topic: "stream.attendance/test", data }])
  }
  assert.equal(await ids(one), "a")
})

test("what retention has removed is asked for", async () => {
  const { all, join, ids, clock, publish, start } = await processes(1, { retention: { count: 3 } })
  const [one] = all as [Attendance]
  await join(one, "a")
  await publish("x", "1", "2", "3", "4")
  const later = start()
  await clock.pass(100)
  assert.equal(await ids(later), "a")
})

test("a process has a limit of members, and options are checked", async () => {
  const { hub, clock } = await stage()
  const onLeave = () => []
  for (const options of [
    { name: "a b", onLeave },
    { name: "a" },
    { name: "a", onLeave, grce: 5 },
    { name: "a", onLeave, grace: -1 },
    { name: "a", onLeave, maxMembers: -1 },
    { onLeave },
  ]) {
    assert.throws(() => createAttendance(hub, options as never), TypeError, JSON.stringify(options))
  }
  const attendance = createAttendance(hub, { name: "a", onLeave, maxMembers: 1 })
  await clock.pass(100)
  const joined = await attendance.join({ id: "1", data: null })
  await assert.rejects(attendance.join({ id: "2", data: null }), { code: "too_many_connections" })
  joined.leave()
  await attendance.join({ id: "2", data: null })
  await attendance.close()
  await assert.rejects(attendance.join({ id: "3", data: null }), { code: "hub_closed" })
})

test("the members of a process that has ended leave in many turns of the event loop, and all of them", async () => {
  let now = 0
  // each look at the clock takes a millisecond, so that every loop runs out of its time
  const clock = createClock()
  const options = { log: memoryLog(), clock: { ...clock, monotonic: () => now++ } }
  const hub = createHub(options)
  const dying = createHub({ ...options, log: { ...options.log, close: async () => {} } })
  let [left, inTurn, most] = [0, 0, 0]
  const onLeave = (): [] => {
    left++
    if (inTurn === 0) setImmediate(() => (inTurn = 0))
    most = Math.max(most, ++inTurn)
    return []
  }
  const attendance = createAttendance(hub, { name: "test", onLeave })
  const other = createAttendance(dying, { name: "test", onLeave })
  await Promise.all(Array.from({ length: 300 }, (_, i) => other.join({ id: `member ${i}`, data: null })))
  // without a farewell
  await dying.close()
  await clock.pass(30_000)
  assert.equal(left, 300)
  assert.ok(most < 20, `${most} members left in one turn`)
  assert.deepEqual((await attendance.list()).members, [])
  await attendance.close()
  await hub.close()
})
