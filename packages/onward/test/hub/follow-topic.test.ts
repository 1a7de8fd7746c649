import assert from "node:assert/strict"
import { test } from "node:test"
import { followTopic, internalsOf, type Hub, type TopicReceiver, type TopicStart } from "../../src/hub/index.ts"
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
  return { ...followed, seen, refresh: () => followed.refresh(), resume: () => followed.resume() }
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
