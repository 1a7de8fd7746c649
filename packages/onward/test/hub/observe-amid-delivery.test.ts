import assert from "node:assert/strict"
import { test } from "node:test"
import { Recorder } from "./recorder.ts"
import { stage } from "./stage.ts"

for (const [parts, messages] of Object.entries({
  one: ["1"],
  several: ["1".repeat(70_000), "2".repeat(70_000), "3"],
})) {
  for (const order of ["before", "after"] as const) {
    test(`a stream that \`observe\` disconnects amid a delivery of ${parts} part, ${order} the slow one, loses and repeats nothing`, async () => {
      const other = order === "before" ? "1" : "2"
      const on = await stage({
        observe(seen) {
          if (seen.type === "fell_behind") on.hub.disconnect(other)
        },
      })
      const { clock, hub, connect } = on
      const join = () => connect({ topics: ["a"] })
      const early = order === "before" ? await join() : undefined
      const slow = await join()
      const ended = early ?? (await join())
      const third = await join()
      slow.room = 1
      await hub.publishMany(messages.map((data) => ({ topic: "a", data })))
      await clock.settle()
      assert.equal(ended.closed, "ended")
      const resumed = await connect({ topics: ["a"] }, { after: ended.lastEventId ?? "" })
      slow.drain()
      await clock.settle()
      assert.deepEqual([...ended.data, ...resumed.data], messages)
      assert.deepEqual(third.data, messages)
      assert.deepEqual(slow.data, messages)
    })
  }
}

test("a stream that `observe` disconnects when it falls behind resumes without loss, and leaves nothing open", async () => {
  const on = await stage({
    observe(seen) {
      if (seen.type === "fell_behind") on.hub.disconnect(seen.id)
    },
  })
  const slow = await on.connect({ topics: ["a"] })
  slow.room = 1
  const messages = ["1".repeat(70_000), "2".repeat(70_000), "3"]
  await on.hub.publishMany(messages.map((data) => ({ topic: "a", data })))
  await on.clock.settle()
  assert.notEqual(slow.closed, undefined)
  assert.equal(on.hub.stats().connections, 0)
  const resumed = await on.connect({ topics: ["a"] }, { after: slow.lastEventId ?? "" })
  slow.drain()
  await on.clock.settle()
  assert.deepEqual([...slow.data, ...resumed.data], messages)
})

for (const [parts, messages] of Object.entries({
  one: ["1"],
  several: ["1".repeat(70_000), "2".repeat(70_000), "3"],
})) {
  for (const start of ["live", "earliest"] as const) {
    test(`a stream that \`observe\` opens (${start}) amid a delivery of ${parts} part(s) loses and repeats nothing`, async () => {
      const opened = new Recorder()
      const on = await stage({
        observe(seen) {
          const isFirst = opened.owner === undefined
          if (seen.type === "fell_behind" && isFirst)
            on.hub
              .subscribe({ topics: ["a"] })
              .open(start)
              .start(opened)
        },
      })
      const { clock, hub, connect } = on
      const slow = await connect({ topics: ["a"] })
      const other = await connect({ topics: ["a"] })
      slow.room = 1
      await hub.publishMany(messages.map((data) => ({ topic: "a", data })))
      await clock.settle()
      await hub.publish({ topic: "a", data: "later" })
      slow.drain()
      await clock.settle()
      assert.deepEqual(opened.data, start === "live" ? ["later"] : [...messages, "later"])
      assert.deepEqual(other.data, [...messages, "later"])
      assert.deepEqual(slow.data, [...messages, "later"])
    })
  }
}
