import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import { memoryLog } from "../../src/log/index.ts"
import { Recorder } from "./recorder.ts"
import { at, stage } from "./stage.ts"

test("a drain closes streams evenly over its duration, each with a different reconnection time", async () => {
  const { clock, connect, hub } = await stage()
  const clients: Recorder[] = []
  for (let i = 0; i < 1_000; i++) clients.push(await connect({ topics: [`topic ${i}`] }))
  let isDone = false
  void hub.drain({ duration: 10_000 }).then(() => (isDone = true))
  const counts: number[] = []
  for (let i = 0; i < 5; i++) {
    await clock.pass(2_000)
    counts.push(clients.filter(({ closed }) => closed === "ended").length)
  }
  assert.ok(isDone)
  assert.equal(counts[4], 1_000)
  assert.deepEqual([hub.stats().connections, clock.timers], [0, 0])
  for (const [i, count] of counts.entries())
    assert.ok(Math.abs(count - (i + 1) * 200) <= 20, `${count} after ${i + 1} of 5`)
  const retries = clients.map(({ blocks }) => Number(blocks.at(-1)?.retry))
  assert.ok(retries.every((retry) => retry >= 500 && retry < 3_000))
  assert.ok(new Set(retries).size > 500, "spread out")
})

test("a stream that is closed for a reconnect has its exact position, in a block with data", async () => {
  const { clock, connect, hub, publish } = await stage()
  await publish("a", "1")
  const live = await connect({ topics: ["a"] })
  const behind = await connect({ topics: ["a"] }, "earliest")
  await publish("other", "2")
  void hub.drain({ duration: 0 })
  await clock.settle()
  for (const { blocks, closed } of [live, behind]) {
    const { retry, ...last } = blocks.at(-1) ?? {}
    assert.deepEqual(last, { event: "stream.checkpoint", id: at(2), data: "{}" })
    assert.match(retry ?? "", /^\d+$/)
    assert.equal(closed, "ended")
  }
})

test("a draining hub accepts no streams, and continues to publish to open ones", async () => {
  const { clock, connect, hub, publish } = await stage()
  const client = await connect({ topics: ["a"] })
  await connect({ topics: ["a"] })
  void hub.drain({ duration: 10_000 })
  await assert.rejects(connect({ topics: ["a"] }), { name: "OnwardError", code: "hub_draining", retryable: true })
  await publish("a", "last words")
  assert.deepEqual(client.data, ["last words"])
  await clock.pass(10_000)
  assert.equal(client.closed, "ended")
})

test("a drain without streams, or a second one, resolves at once", async () => {
  const { hub } = await stage()
  await hub.drain()
  await hub.drain({ duration: 0 })
})

test("a drain with a duration of 0 closes all streams now", async () => {
  const { connect, hub } = await stage()
  const clients = [await connect({ topics: ["a"] }), await connect({ topics: ["a"] })]
  await hub.drain({ duration: 0 })
  assert.deepEqual(
    clients.map(({ closed }) => closed),
    ["ended", "ended"],
  )
})

test("messages published just before a drain or a close are still sent", async () => {
  for (const how of ["drain", "close"] as const) {
    const { connect, hub } = await stage()
    const client = await connect({ topics: ["a"] })
    const published = hub.publishMany([
      { topic: "a", data: "1" },
      { topic: "a", data: "2" },
    ])
    await published
    await (how === "drain" ? hub.drain({ duration: 0 }) : hub.close())
    assert.deepEqual(client.data, ["1", "2"], how)
    assert.equal(client.closed, "ended")
  }
})

test("a drain keeps the process alive until it is over, and no longer", async () => {
  let held = 0
  const on = await stage()
  const hub = on.another({
    clock: {
      ...on.clock,
      hold() {
        held++
        return () => void held--
      },
    },
  })
  await on.connect({ topics: ["a"] }, undefined, hub)
  const drained = hub.drain({ duration: 1_000 })
  await on.clock.pass(500)
  assert.equal(held, 1)
  await on.clock.pass(1_000)
  await drained
  assert.equal(held, 0)
})

test("two concurrent drains both resolve", async () => {
  const { clock, connect, hub } = await stage()
  await connect({ topics: ["a"] })
  let done = 0
  for (let i = 0; i < 2; i++) void hub.drain({ duration: 1_000 }).then(() => done++)
  await clock.pass(2_000)
  assert.equal(done, 2)
})

test("streams that disconnect during a drain do not delay it, and full ones are dropped", async () => {
  const { clock, connect, hub, publish } = await stage()
  const leaving = await connect({ topics: ["a"] })
  const full = await connect({ topics: ["a"] })
  full.room = 10
  await publish("a", "1", "2")
  let isDone = false
  void hub.drain({ duration: 1_000 }).then(() => (isDone = true))
  leaving.leave()
  const received = leaving.frames.length
  await clock.pass(1_000)
  assert.ok(isDone)
  assert.equal(full.closed, "aborted")
  assert.equal(leaving.frames.length, received)
})

test("closing ends every stream and the log, and publishing rejects afterwards", async () => {
  const { clock, connect, hub, log } = await stage()
  const client = await connect({ topics: ["a"] })
  await hub.close()
  assert.equal(client.closed, "ended")
  assert.equal(clock.timers, 0)
  const refused = { name: "OnwardError", code: "hub_closed" }
  await assert.rejects(hub.publish({ topic: "a" }), refused)
  await assert.rejects(hub.publishMany([{ topic: "a" }]), refused)
  await assert.rejects(connect({ topics: ["a"] }), refused)
  await assert.rejects(log.bounds(), { code: "log_closed" })
  await hub.close()
  await hub.drain()
})

test("a hub can be disposed of with `await using`", async () => {
  const { connect, hub } = await stage()
  const client = await connect({ topics: ["a"] })
  // what leaving the block of an `await using` does
  await hub[Symbol.asyncDispose]()
  assert.equal(client.closed, "ended")
})

test("an aborted signal ends all of its streams, and only them", async () => {
  const { clock, connect, hub } = await stage()
  const controller = new AbortController()
  const mine = [
    await connect({ topics: ["a"], signal: controller.signal }),
    await connect({ topics: ["b"], signal: controller.signal }),
  ]
  const other = await connect({ topics: ["a"] })
  assert.equal(getEventListeners(controller.signal, "abort").length, 1, "one listener for any number of streams")
  controller.abort()
  assert.deepEqual(
    mine.map(({ closed }) => closed),
    ["ended", "ended"],
  )
  assert.ok(
    mine.every(({ events }) => events.length === 0),
    "clients come back: no stream.end",
  )
  assert.equal(other.closed, undefined)
  assert.equal(hub.stats().connections, 1)
  const late = await connect({ topics: ["a"], signal: controller.signal })
  assert.equal(late.closed, "ended")
  await clock.settle()
  assert.equal(hub.stats().connections, 1)
})

test("a live stream ends with stream.end after the entry that its `until` accepts", async () => {
  const { clock, connect, hub } = await stage()
  const client = await connect({ topics: ["a"], until: ({ event }) => event === "done" })
  const other = await connect({ topics: ["a"] })
  await hub.publishMany([
    { topic: "a", data: "1" },
    { topic: "a", data: "2", event: "done" },
    { topic: "a", data: "3" },
  ])
  await clock.settle()
  assert.deepEqual(client.data, ["1", "2"])
  assert.deepEqual(client.blocks.at(-1), { event: "stream.end", retry: "86400000 ms", id: "stream.end", data: "{}" })
  assert.equal(client.closed, "ended")
  assert.deepEqual(other.data, ["1", "2", "3"])
  assert.equal(hub.stats().connections, 1)
})

for (const entries of [1, 100]) {
  test(`a stream that reads history ends with stream.end after the entry that its \`until\` accepts, window of ${entries}`, async () => {
    const { connect, hub, publish } = await stage({ window: { maxEntries: entries } })
    await publish("a", "1", "2", "done", "3")
    const client = await connect({ topics: ["a"], until: ({ data }) => data === "done" }, "earliest")
    assert.deepEqual(client.data, ["1", "2", "done"])
    assert.equal(client.blocks.at(-1)?.event, "stream.end")
    assert.equal(client.closed, "ended")
    assert.equal(hub.stats().connections, 0)
  })
}

test("a stream that does not follow ends with stream.end after the entries that are kept", async () => {
  for (const start of ["earliest", { last: 1 }, { after: "unknown" }, "live"] as const) {
    const { connect, hub, publish } = await stage({ window: { maxEntries: 1 } })
    await publish("a", "1", "2")
    await publish("b", "3")
    const client = await connect({ topics: ["a"], follow: false }, start)
    const expected = start === "live" ? [] : start === "earliest" || "after" in start ? ["1", "2"] : ["2"]
    assert.deepEqual(client.data, expected)
    assert.equal(client.blocks.at(-1)?.event, "stream.end")
    assert.equal(client.closed, "ended")
    assert.equal(hub.stats().connections, 0)
  }
  const empty = await stage()
  assert.equal((await empty.connect({ topics: ["a"], follow: false }, "earliest")).closed, "ended")
})

for (const [maxAge, heartbeat] of [
  [2_000, 15_000],
  [25_000, 15_000],
  [25_000, 60_000],
  [600_000, 15_000],
] as const) {
  test(`a stream ends within its maxStreamAge of ${maxAge} ms, not at a later heartbeat of ${heartbeat} ms`, async () => {
    const { clock, connect, publish } = await stage({ maxStreamAge: maxAge, heartbeat, stallTimeout: 3_600_000 })
    const opened = new Map<Recorder, number>()
    // opened at any moment between two ticks; half of them busy, some of those full
    for (let i = 0; i < 40; i++) {
      const client = await connect({ topics: [i % 2 ? "busy" : "quiet"] })
      if (i % 8 === 7) client.room = 10
      opened.set(client, clock.monotonic())
      await clock.pass(37)
    }
    const shortest = Math.min(maxAge * 0.9, maxAge - 500)
    for (let i = 0; opened.size > 0; i++) {
      const step = maxAge > 60_000 ? 500 : 50
      await clock.pass(step)
      if (i % 100 === 0) await publish("busy", "1")
      for (const [client, since] of opened) {
        const age = clock.monotonic() - since
        if (!client.closed) assert.ok(age < maxAge, `still open after ${age} ms`)
        else {
          assert.ok(age >= shortest, `closed after ${age} ms`)
          if (client.closed === "ended") assert.ok(Number(client.blocks.at(-1)?.retry) >= 500, "told when to reconnect")
          opened.delete(client)
        }
      }
    }
  })
}

for (const start of ["earliest", "latest", { last: 1 }, { after: at(1) }, { since: 0 }] as const) {
  test(`a client that disconnects when its stream starts with ${JSON.stringify(start)} receives nothing more`, async () => {
    const { clock, connect, hub, publish } = await stage({ window: { maxEntries: 1 } })
    await publish("a", "1", "2", "3")
    const other = await connect({ topics: ["a"] })
    const client = new Recorder()
    hub
      .subscribe({ topics: ["a"] })
      .open(start)
      .start(client)
    client.leave()
    await clock.settle()
    await publish("a", "4")
    assert.deepEqual(client.frames, [])
    other.leave()
    assert.deepEqual([hub.stats().connections, clock.timers], [0, 0])
  })
}

test("a client that disconnects while the log is asked for its start receives nothing, and is not reported as started", async () => {
  for (const start of ["earliest", "latest", { last: 2 }, { after: "mine" }] as const) {
    const answering = Promise.withResolvers<void>()
    const inner = memoryLog({ epoch: "life0000" })
    let isSlow = false
    const slowly = async <T>(answer: Promise<T>): Promise<T> => {
      if (isSlow) await answering.promise
      return answer
    }
    const seen: string[] = []
    const { clock, hub, publish } = await stage({
      window: { maxEntries: 1 },
      observe: ({ type }) => void seen.push(type),
      log: {
        ...inner,
        bounds: () => slowly(inner.bounds()),
        locate: (landmark) => slowly(inner.locate(landmark)),
        read: (query) => slowly(inner.read(query)),
      },
    })
    await hub.publish({ topic: "a", id: "mine", data: "1" })
    await publish("a", "2", "3")
    isSlow = true
    seen.length = 0
    const client = new Recorder()
    hub
      .subscribe({ topics: ["a", "b"] })
      .open(start)
      .start(client)
    await clock.settle()
    client.leave()
    const { length } = client.frames
    answering.resolve()
    await clock.settle()
    await publish("a", "4")
    assert.deepEqual([client.frames.length, hub.stats().connections], [length, 0], JSON.stringify(start))
    assert.equal(seen.includes("resumed"), start === "latest", JSON.stringify(start))
    await hub.close()
  }
})

test("a hub that is closed when a stream starts ends it, and writes nothing afterwards", async () => {
  const { clock, hub, publish } = await stage()
  await publish("a", "1", "2", "3")
  const client = new Recorder()
  hub
    .subscribe({ topics: ["a"] })
    .open("earliest")
    .start(client)
  await hub.close()
  await clock.settle()
  assert.equal(client.closed, "ended")
  assert.deepEqual(client.data, [])
})

test("a long-lived signal holds no references to ended streams", async () => {
  const { connect } = await stage()
  const { signal } = new AbortController()
  const clients = [await connect({ topics: ["a"], signal }), await connect({ topics: ["b"], signal })]
  assert.equal(getEventListeners(signal, "abort").length, 1)
  for (const client of clients) client.leave()
  assert.equal(getEventListeners(signal, "abort").length, 0)
})

test("a drain ends a stream that was accepted before it and started after it", async () => {
  const { clock, hub } = await stage()
  const opening = hub.subscribe({ topics: ["a"] }).open()
  let isDone = false
  void hub.drain({ duration: 1_000 }).then(() => (isDone = true))
  const late = new Recorder()
  opening.start(late)
  await clock.pass(2_000)
  assert.equal(late.closed, "ended")
  assert.ok(isDone)
})

test("publishing while the hub closes rejects as closed", async () => {
  const { another, clock } = await stage({ log: memoryLog({ epoch: "life0000" }) })
  const hub = another()
  const published = hub.publish({ topic: "a" })
  const refused = assert.rejects(published, { code: "hub_closed" })
  await hub.close()
  await clock.settle()
  await refused
})

test("a few streams are drained over the whole duration too", async () => {
  const { clock, connect, hub } = await stage()
  const clients: Recorder[] = []
  for (let i = 0; i < 10; i++) clients.push(await connect({ topics: ["a"] }))
  void hub.drain({ duration: 10_000 })
  await clock.pass(5_000)
  const left = clients.filter(({ closed }) => closed === undefined).length
  assert.ok(left >= 4 && left <= 6, `${left} of 10 are left after half of the time`)
})
