import assert from "node:assert/strict"
import { test } from "node:test"
import { Recorder } from "./recorder.ts"
import { stage } from "./stage.ts"

const failing = () => {
  throw new Error("a bug in until")
}

test("an `until` that throws ends its own stream, is reported, and affects no other stream", async () => {
  const { clock, connect, hub, errors } = await stage()
  const before = await connect({ topics: ["a"] })
  const broken = await connect({ topics: ["a"], until: failing })
  const after = await connect({ topics: ["a", "b"] })
  await hub.publish({ topic: "a", data: "1" })
  try {
    await clock.settle()
  } catch {
    assert.fail("it reached the event loop: the process would have crashed")
  }
  assert.deepEqual(before.data, ["1"])
  assert.deepEqual(after.data, ["1"])
  assert.deepEqual(errors.map(String), ["Error: a bug in until"])
  assert.notEqual(broken.closed, undefined)
})

test("an `until` that throws on history ends its stream and is reported", async () => {
  const { clock, hub, publish, errors } = await stage()
  await publish("a", "1")
  const client = new Recorder()
  let crash: unknown
  const onCrash = (error: unknown) => (crash = error)
  process.once("unhandledRejection", onCrash)
  hub
    .subscribe({ topics: ["a"], until: failing })
    .open("earliest")
    .start(client)
  await clock.settle()
  process.removeListener("unhandledRejection", onCrash)
  assert.equal(crash, undefined, "the process would have crashed")
  assert.deepEqual(errors.map(String), ["Error: a bug in until"])
  assert.notEqual(client.closed, undefined)
})

for (const entries of [1, 100]) {
  test(`a client that was cut right after the last entry, and resumes there, receives the end, window of ${entries}`, async () => {
    const { connect, hub, publish } = await stage({ window: { maxEntries: entries } })
    const [, last = ""] = await publish("a", "1", "done", "2")
    await hub.publish({ topic: "a", data: "done", id: "chosen" })
    const until = ({ data }: { data: string }): boolean => data === "done"
    for (const after of [last, "chosen"]) {
      const client = await connect({ topics: ["a"], until }, { after })
      assert.deepEqual(client.data, [])
      assert.equal(client.blocks.at(-1)?.event, "stream.end")
      assert.equal(client.closed, "ended")
    }
  })
}

test("a client that resumes after another entry, or another stream's last, waits for its own", async () => {
  const { connect, publish } = await stage()
  const [first = "", last = ""] = await publish("a", "1", "done")
  const until = ({ data }: { data: string }): boolean => data === "done"
  assert.deepEqual((await connect({ topics: ["a"], until }, { after: first })).data, ["done"])
  const other = await connect({ topics: ["b"], until }, { after: last })
  assert.equal(other.closed, undefined)
})

test("a stream that is sent away in the turn of its last entry gets this entry, its end, and nothing after it", async () => {
  const { clock, connect, hub } = await stage()
  const isDone = ({ data }: { data: string }): boolean => data === "done"
  // the second ends the hub's streams for good
  for (const send of [() => hub.disconnect(hub.streams()[0]?.id ?? ""), () => hub.drain({ duration: 0 })]) {
    const client = await connect({ topics: ["a"], until: isDone })
    await hub.publishMany(["1", "done", "2"].map((data) => ({ topic: "a", data })))
    void send()
    await clock.settle()
    assert.deepEqual(client.data, ["1", "done"])
    assert.equal(client.blocks.at(-1)?.event, "stream.end")
    assert.equal(client.closed, "ended")
  }
})
