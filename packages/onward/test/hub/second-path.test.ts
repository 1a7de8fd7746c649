import assert from "node:assert/strict"
import { test } from "node:test"
import { Recorder } from "./recorder.ts"
import { stage } from "./stage.ts"

const isDone = ({ data }: { data: string }): boolean => data === "done"

/** What a stream missed it gets from the window or, without one, from the log: both must answer the same. */
for (const window of [{ maxEntries: 0 }, { maxChars: 0 }, { maxEntries: 2 }, {}]) {
  const having = `with window ${JSON.stringify(window)}`

  test(`${having}, a stream resumes after each entry, with the entries after it`, async () => {
    const { connect, publish } = await stage({ window })
    const data = ["1", "2", "3", "4", "5"]
    const ids = await publish("a", ...data)
    await publish("b", "other")
    for (const [i, after] of ids.entries()) {
      for (const options of [{ topics: ["a"] }, { patterns: ["a"] }, { topics: ["a"], patterns: ["news/*"] }]) {
        const client = await connect(options, { after })
        assert.deepEqual(
          client.events.map((event) => event.data),
          data.slice(i + 1),
        )
      }
    }
  })

  test(`${having}, the last entries are the requested ones`, async () => {
    const { connect, publish } = await stage({ window })
    await publish("a", "1", "2", "3")
    await publish("b", "x")
    for (const [last, expected] of [
      [0, []],
      [1, ["3"]],
      [2, ["2", "3"]],
      [9, ["1", "2", "3"]],
    ] as const) {
      assert.deepEqual((await connect({ topics: ["a"] }, { last })).data, expected)
      assert.deepEqual((await connect({ patterns: ["a*"] }, { last })).data, expected)
    }
  })

  test(`${having}, a stream that was full when its last entry arrived ends with it, and gets nothing after it`, async () => {
    const { clock, connect, publish } = await stage({ window })
    const client = await connect({ topics: ["a"], until: isDone })
    client.room = 0
    await publish("a", "1", "2", "done", "3")
    assert.equal(client.closed, undefined)
    // a little at a time: each part may be the one that fills it again
    for (let i = 0; i < 10 && client.closed === undefined; i++) {
      client.drain(1)
      await clock.settle()
    }
    assert.deepEqual(client.data, ["1", "2", "done"])
    assert.equal(client.blocks.at(-1)?.event, "stream.end")
    assert.equal(client.closed, "ended")
  })

  test(`${having}, a stream whose last entry fills it ends with it, and gets nothing of the same turn after it`, async () => {
    const { clock, connect, hub } = await stage({ window })
    const large = "x".repeat(70_000)
    for (const before of [[], ["1"], [large], [large, "1"]]) {
      const client = await connect({ topics: ["a"], until: isDone })
      // the write of the last entry is the one that fills it
      client.room = before.reduce((sum, data) => sum + data.length, 0) + before.length * 60 + 1
      await hub.publishMany([...before, "done", "2"].map((data) => ({ topic: "a", data })))
      await clock.settle()
      client.drain()
      await clock.settle()
      assert.deepEqual(client.data, [...before, "done"])
      assert.equal(client.closed, "ended")
    }
  })

  test(`${having}, a repeat of the newest entry is delivered to no stream, live, full or resuming`, async () => {
    const { clock, connect, hub } = await stage({ window })
    const live = await connect({ topics: ["a"] })
    const full = await connect({ topics: ["a"] })
    full.room = 0
    for (const message of [{ id: "chosen" }, { idempotencyKey: "once" }]) {
      const first = await hub.publishResults([{ topic: "a", data: "1", ...message }])
      const again = await hub.publishResults([{ topic: "a", data: "2", ...message }])
      assert.deepEqual(again, [{ id: first[0]?.id, repeated: true }])
      await clock.settle()
      const resuming = await connect({ topics: ["a"] }, { after: first[0]?.id ?? "" })
      assert.deepEqual(resuming.events, [])
    }
    full.drain()
    await clock.settle()
    for (const client of [live, full]) assert.deepEqual(client.data, ["1", "1"])
  })

  test(`${having}, a repeat beside new entries changes the order of none`, async () => {
    const { clock, connect, hub } = await stage({ window })
    const client = await connect({ topics: ["a"] })
    await hub.publish({ topic: "a", data: "1", idempotencyKey: "once" })
    await hub.publishMany([
      { topic: "a", data: "2" },
      { topic: "a", data: "again", idempotencyKey: "once" },
      { topic: "a", data: "3" },
    ])
    await clock.settle()
    assert.deepEqual(client.data, ["1", "2", "3"])
    const late = new Recorder()
    hub
      .subscribe({ topics: ["a"] })
      .open("earliest")
      .start(late)
    await clock.settle()
    assert.deepEqual(late.data, ["1", "2", "3"])
    assert.deepEqual(
      late.blocks.map(({ id }) => id).filter(Boolean),
      client.blocks
        .map(({ id }) => id)
        .filter(Boolean)
        .slice(-3),
    )
  })
}
