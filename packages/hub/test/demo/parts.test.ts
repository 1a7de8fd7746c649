import assert from "node:assert/strict"
import { EventEmitter } from "node:events"
import type { ServerResponse } from "node:http"
import { availableParallelism, loadavg } from "node:os"
import { test } from "node:test"
import { createHub, memoryLog } from "onward"
import { createMachine } from "../../src/demo/machine.ts"
import { createNumbered } from "../../src/demo/numbered.ts"
import { createTabs } from "../../src/demo/tabs.ts"

test("shares of the machine's load are from 0 to 1, and its delays are not negative", () => {
  const machine = createMachine()
  for (let i = 0; i < 3; i++) {
    const before = loadavg()[0] ?? 0
    const { cpu, memory, load, delay } = machine.sample()
    // it changes every five seconds
    const loads = [before, loadavg()[0] ?? 0].map((each) => Math.round((each / availableParallelism()) * 1e4) / 1e4)
    assert.ok(loads.includes(load), `${load}`)
    for (const share of [cpu, memory]) assert.ok(share >= 0 && share <= 1, `${share}`)
    assert.ok(memory > 0 && load >= 0 && delay >= 0)
    for (const value of [cpu, memory, load, delay]) assert.equal(value, Math.round(value * 1e4) / 1e4)
    // work that the next sample sees
    for (const until = performance.now() + 30; performance.now() < until;);
  }
  assert.ok(machine.sample().cpu > 0)
  machine.close()
})

test("events are numbered from the last one in the log, and a number whose event was not stored is used again", async () => {
  const log = memoryLog()
  const hub = createHub({ log })
  const first = await createNumbered(hub, log, "count", "n")
  assert.deepEqual(await first([{ a: 1 }, { a: 2 }]), { first: 1, last: 2 })
  assert.deepEqual(await Promise.all([first([{}]), first([{}, {}])]), [
    { first: 3, last: 3 },
    { first: 4, last: 5 },
  ])
  await assert.rejects(first([{ n: 1n }]))
  assert.deepEqual(await first([{}]), { first: 6, last: 6 })
  assert.deepEqual(await (await createNumbered(hub, log, "count", "n"))([{}]), { first: 7, last: 7 })
  assert.deepEqual(await (await createNumbered(hub, log, "other", "n"))([{}]), { first: 1, last: 1 })
  const { entries } = await log.read({ after: (await log.bounds()).first, topics: ["count"], limit: 10 })
  assert.deepEqual(
    entries.map(({ data }) => (JSON.parse(data) as { n: number }).n),
    [1, 2, 3, 4, 5, 6, 7],
  )
  await hub.close()
})

/** A response with a socket. */
function response(socket: object | null = { writableNeedDrain: false, writableLength: 3 }): ServerResponse {
  const res = Object.assign(new EventEmitter(), { socket, destroy: () => res.emit("close") })
  return res as unknown as ServerResponse
}

test("a tab is cut with all its streams, and watched until half a minute after its last one", (t) => {
  let now = 1_000_000
  t.mock.method(performance, "now", () => now)
  const tabs = createTabs()
  assert.equal(tabs.isWatched, false)
  for (const name of [null, "", "a b", "x".repeat(65)]) tabs.add(name, "events", response())
  assert.equal(tabs.isWatched, false)
  const [full, live, other] = [response({ writableNeedDrain: true, writableLength: 9 }), response(), response(null)]
  tabs.add("one", "burst", full)
  tabs.add("one", "events", live)
  tabs.add("x".repeat(64), "events", other)
  assert.deepEqual(tabs.stateOf("one", "burst"), { state: "full", waiting: 9 })
  assert.deepEqual(tabs.stateOf("one", "events"), { state: "live", waiting: 3 })
  for (const [tab, name] of [
    ["one", "run"],
    ["two", "events"],
    [null, "events"],
    ["x".repeat(64), "events"],
  ] as const) {
    assert.equal(tabs.stateOf(tab, name), undefined)
  }
  assert.deepEqual([tabs.cut("two"), tabs.cut(null), tabs.cut("one"), tabs.cut("one")], [0, 0, 2, 0])
  assert.equal(tabs.isWatched, true)
  other.destroy()
  now += 29_999
  assert.equal(tabs.isWatched, true)
  now += 1
  assert.equal(tabs.isWatched, false)
})
