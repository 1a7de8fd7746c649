import assert from "node:assert/strict"
import { test } from "node:test"
import {
  createLogReader,
  followTopic,
  internalsOf,
  type Hub,
  type TopicReceiver,
  type TopicStart,
} from "../../src/hub/index.ts"
import { TailListeners } from "../../src/hub/tail-listeners.ts"
import { createClock } from "../../src/testing/index.ts"
import { faultyLog, unavailable } from "./faulty-log.ts"
import { at, stage } from "./stage.ts"

/** Follows the topic `a`, and says what was received. */
function follow(hub: Hub, start: TopicStart, receiver: Partial<TopicReceiver> = {}) {
  const seen: string[] = []
  const followed = followTopic(internalsOf(hub), "a", start, {
    onEntries(entries) {
      seen.push(...entries.map(({ data }) => data))
      return receiver.onEntries?.(entries) ?? true
    },
    onLost: ({ reason, to }) => void seen.push(`lost ${reason} ${to}`),
    onEnd: () => void seen.push("end"),
  })
  const { refresh, resume, stop } = followed
  return { seen, refresh: refresh.bind(followed), resume: resume.bind(followed), stop: stop.bind(followed) }
}

test("a receiver gets the topic's history, messages published here and elsewhere, and the hub's end", async () => {
  const { clock, hub, another, publish } = await stage()
  await publish("a", "1", "2")
  const { seen } = follow(hub, "earliest")
  const later = follow(hub, "live")
  const middle = follow(hub, { after: at(1) })
  await clock.settle()
  await publish("b", "no")
  await publish("a", "3")
  await another().publish({ topic: "a", data: "4" })
  await clock.settle()
  await hub.close()
  assert.deepEqual(seen, ["1", "2", "3", "4", "end"])
  assert.deepEqual(later.seen, ["3", "4", "end"])
  assert.deepEqual(middle.seen, ["2", "3", "4", "end"])
})

test("a receiver without room gets nothing until it has room, then everything once", async () => {
  for (const window of [{ maxEntries: 1 }, {}]) {
    const { clock, hub, publish } = await stage({ window })
    await publish("a", "1")
    const { seen, resume } = follow(hub, "earliest", { onEntries: () => false })
    await clock.settle()
    await publish("a", "2", "3")
    assert.deepEqual(seen, ["1"])
    resume()
    await clock.settle()
    assert.deepEqual(seen, ["1", "2", "3"])
    resume()
    await publish("a", "4")
    await publish("a", "5")
    assert.deepEqual(seen, ["1", "2", "3", "4"], "live, it pauses after each entry too")
    resume()
    await clock.settle()
    assert.deepEqual(seen, ["1", "2", "3", "4", "5"])
    await hub.close()
  }
})

test("a receiver that goes live while an entry is delivered gets that entry once", async () => {
  const { clock, hub, publish } = await stage()
  const slow = { hasRoom: false }
  const first = follow(hub, "live", {
    onEntries: () => {
      if (slow.hasRoom) second.resume()
      return true
    },
  })
  const second = follow(hub, "live", { onEntries: () => slow.hasRoom })
  await clock.settle()
  await publish("a", "1", "2")
  assert.deepEqual(second.seen, ["1"])
  slow.hasRoom = true
  await publish("a", "3", "4")
  assert.deepEqual(first.seen, ["1", "2", "3", "4"])
  assert.deepEqual(second.seen, ["1", "2", "3", "4"])
  await hub.close()
})

test("a refresh resolves when everything stored before it was received, and rejects while the store is unavailable", async () => {
  const log = faultyLog()
  // the hub is not told that there is more
  const { clock, hub } = await stage({ log: { ...log, watch: async () => async () => {} } })
  const { seen, refresh } = follow(hub, "earliest")
  await clock.settle()
  await log.append([{ topic: "a", data: "1" }])
  await clock.settle()
  assert.deepEqual(seen, [])
  const fresh = refresh()
  await clock.settle()
  await fresh
  assert.deepEqual(seen, ["1"])
  log.failure = unavailable
  await assert.rejects(refresh(), { code: "log_unavailable" })
  log.failure = undefined
  await hub.close()
  await assert.rejects(refresh(), { code: "hub_closed" })
})

test("entries that retention removed before they were received are reported once, before later ones", async () => {
  const { clock, hub, publish } = await stage({ window: { maxEntries: 1 }, retention: { count: 3 } })
  await publish("a", "1", "2", "3", "4", "5")
  const { seen } = follow(hub, "earliest")
  await clock.settle()
  await publish("a", "6")
  assert.deepEqual(seen, [`lost trimmed ${at(2)}`, "3", "4", "5", "6"])
  await hub.close()
})

test("a refresh resolves when what this process publishes meanwhile has arrived without a read", async () => {
  const log = faultyLog()
  const appended = Promise.withResolvers<void>()
  const { clock, hub } = await stage({
    log: {
      ...log,
      append: async (messages) => {
        const result = await log.append(messages)
        await appended.promise
        return result
      },
    },
  })
  const { seen, refresh } = follow(hub, "earliest")
  await clock.settle()
  const published = hub.publish({ topic: "a", data: "1" })
  let isFresh = false
  // while the entry is stored, and before the turn ends
  const fresh = refresh().then(() => (isFresh = true))
  for (let i = 0; i < 50; i++) await Promise.resolve()
  assert.equal(isFresh, false)
  appended.resolve()
  await published
  await clock.settle()
  assert.equal(isFresh, true)
  await fresh
  assert.deepEqual(seen, ["1"])
  await hub.close()
})

test("a receiver that stops receives nothing more, leaves nothing behind, and its refreshes reject", async () => {
  const { clock, hub, publish } = await stage()
  const { context } = internalsOf(hub)
  const before = context.onClose.size
  const { seen, stop, refresh, resume } = follow(hub, "earliest")
  await clock.settle()
  await publish("a", "1")
  stop()
  await publish("a", "2")
  resume()
  await clock.settle()
  await assert.rejects(refresh(), { code: "hub_closed" })
  assert.deepEqual([seen, context.onClose.size], [["1"], before])
  await hub.close()
  assert.deepEqual(seen, ["1"], "it is not told of the end either")
})

test("a receiver without room is not fresh until it has room, and hears of the hub's end once", async () => {
  const { clock, hub, publish } = await stage()
  await publish("a", "1")
  const { seen, refresh, resume } = follow(hub, "earliest", { onEntries: () => false })
  await clock.settle()
  let outcome: unknown
  const fresh = refresh().then(() => (outcome = "fresh"))
  await clock.settle()
  assert.equal(outcome, undefined)
  resume()
  await clock.settle()
  assert.equal(outcome, "fresh")
  await fresh
  await publish("a", "2")
  const refused = assert.rejects(refresh(), { code: "hub_closed" })
  await clock.settle()
  await hub.close()
  await refused
  assert.deepEqual(seen, ["1", "2", "end"])
})

test("a hub that cannot use its log ends its receivers, and their refreshes reject", async () => {
  for (const broken of ["bounds", "read"] as const) {
    const log = faultyLog()
    let isBroken = broken === "bounds"
    const on = await stage({
      log: {
        ...log,
        [broken]: (query: never) => (isBroken ? Promise.reject(new TypeError("a bug")) : log[broken](query)),
      },
    })
    const { seen, refresh } = follow(on.hub, "earliest")
    await on.clock.settle()
    if (broken === "read") {
      assert.deepEqual(seen, [])
      isBroken = true
      await log.append([{ topic: "a", data: "1" }])
      await assert.rejects(refresh(), { name: "TypeError", message: "a bug" })
    }
    await on.clock.settle()
    await assert.rejects(refresh(), { code: "hub_closed" })
    await on.hub.close()
    assert.deepEqual(seen, ["end"])
  }
})

test("what another process stores while this one reads is read too, without another wake", async () => {
  const log = faultyLog()
  const wakes: (() => void)[] = []
  const answering = Promise.withResolvers<void>()
  let isSlow = false
  const on = await stage({
    log: {
      ...log,
      watch: async (wake) => {
        wakes.push(wake)
        return async () => {}
      },
      read: async (query) => {
        const page = await log.read(query)
        if (isSlow) await answering.promise
        return page
      },
    },
  })
  const { seen } = follow(on.hub, "live")
  await on.clock.settle()
  const wake = async (): Promise<void> => {
    for (const each of wakes) each()
    await on.clock.settle()
  }
  isSlow = true
  await log.append([{ topic: "a", data: "1" }])
  await wake()
  await log.append([{ topic: "a", data: "2" }])
  await wake()
  await log.append([{ topic: "a", data: "3" }])
  await wake()
  assert.deepEqual(seen, [])
  answering.resolve()
  await on.clock.settle()
  assert.deepEqual(seen, ["1", "2", "3"])
  await on.hub.close()
})

test("a log that is read without a hub ends its receivers when it is closed, once, and leaves no timer", async () => {
  const clock = createClock()
  const log = faultyLog()
  let closes = 0
  const reader = createLogReader({
    log: { ...log, close: async () => void closes++ },
    clock,
    onError: (error) => assert.fail(String(error)),
  })
  const seen: string[] = []
  followTopic(reader, "a", "earliest", {
    onEntries: (entries) => seen.push(...entries.map(({ data }) => data)) > 0,
    onLost: () => assert.fail("nothing is lost"),
    onEnd: () => void seen.push("end"),
  })
  await clock.settle()
  await reader.append([{ topic: "a", data: "1" }])
  await clock.settle()
  await reader.close()
  await reader.close()
  assert.deepEqual([seen, closes, clock.timers], [["1", "end"], 1, 0])
  await assert.rejects(reader.append([{ topic: "a", data: "2" }]), { code: "hub_closed" })
})

test("a repeat is not received again, alone and among new messages", async () => {
  const { clock, hub } = await stage()
  const { seen } = follow(hub, "live")
  await clock.settle()
  const message = (id: string) => ({ topic: "a", id, data: id })
  for (const ids of [["1"], ["2"], ["1"], ["1", "3", "2", "4"]]) {
    await hub.publishMany(ids.map(message))
    await clock.settle()
  }
  assert.deepEqual([seen, hub.stats().position], [["1", "2", "3", "4"], at(4)])
  await hub.close()
})

test("listeners of the tail receive their topic or all, until they leave, also when they leave and join meanwhile", () => {
  const listeners = new TailListeners()
  const heard: string[] = []
  const listen = (name: string, topic?: string) =>
    listeners.add(
      {
        onEntry: ({ data }) => void heard.push(`${name} ${data}`),
        onInterrupt: (position) => void heard.push(`${name} interrupted ${position}`),
      },
      topic,
    )
  let data = 0
  const told = (topic: string): string[] => {
    heard.length = 0
    listeners.arrive({ topic, data: String(++data), position: at(data), time: 0 })
    return heard.splice(0)
  }
  const leaveOne = listen("one", "a")
  const leaveTwo = listen("two", "a")
  const leaveAll = listen("all")
  assert.deepEqual(told("a"), ["one 1", "two 1", "all 1"])
  assert.deepEqual(told("b"), ["all 2"])
  listeners.interrupt(at(2))
  assert.deepEqual(
    heard.splice(0),
    ["one", "two", "all"].map((name) => `${name} interrupted ${at(2)}`),
  )
  leaveOne()
  leaveAll()
  assert.deepEqual(told("a"), ["two 3"])
  leaveTwo()
  const leaveThree = listen("three", "a")
  // leaving twice does not remove the one that came after
  leaveTwo()
  leaveOne()
  assert.deepEqual(told("a"), ["three 4"])
  leaveThree()
  assert.deepEqual(told("a"), [])
  let interrupts = 0
  const joinAgain = (): (() => void) => {
    const leave = listeners.add({
      onEntry() {},
      onInterrupt() {
        leave()
        if (++interrupts < 10) joinAgain()
      },
    })
    return leave
  }
  joinAgain()
  listeners.interrupt(at(9))
  assert.equal(interrupts, 1)
})
