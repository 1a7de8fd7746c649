import assert from "node:assert/strict"
import { getEventListeners } from "node:events"
import { test } from "node:test"
import type { SubscribeOptions } from "../../src/hub/index.ts"
import { assertGivesBack } from "../garbage.ts"
import { Recorder } from "./recorder.ts"
import { stage, type Stage } from "./stage.ts"

const STREAMS = 200
const { signal } = new AbortController()

/** What streams take that is to be given back when they leave. */
const kinds: Readonly<Record<string, (i: number) => SubscribeOptions>> = {
  "a topic each": (i) => ({ topics: [`topic ${i}`] }),
  "a pattern each": (i) => ({ patterns: [`${i}/*`] }),
  "a key each, with a pattern": (i) => ({ patterns: [`${i}/*`], limitKey: `key ${i}` }),
  "one key": (i) => ({ topics: [`topic ${i}`], limitKey: "key" }),
  "one signal": (i) => ({ topics: [`topic ${i}`], signal }),
  "a person each on one topic": (i) => ({ topics: ["room"], userId: `person ${i}` }),
  "an until each": () => ({ topics: ["a"], until: () => false }),
}

/** How streams end. */
const ends: Readonly<Record<string, (stage: Stage, streams: readonly Recorder[]) => Promise<void>>> = {
  "their clients left": async (_, streams) => streams.forEach((stream) => stream.leave()),
  "their clients left while they were full": async ({ hub, clock }, streams) => {
    for (const stream of streams) stream.room = 0
    for (const topic of ["room", "a", "1/x"]) await hub.publish({ topic, data: "1" })
    await clock.settle()
    for (const stream of streams) stream.leave()
  },
}

for (const [kind, optionsOf] of Object.entries(kinds)) {
  for (const [end, over] of Object.entries(ends)) {
    test(`streams with ${kind} leave nothing behind after ${end}`, async () => {
      const limits = { connections: STREAMS, connectionsPerKey: STREAMS, patterns: STREAMS }
      const here = await stage({ limits, presence: { grace: 1_000 } })
      const { hub, clock } = here
      const { timers } = clock
      // twice, because the second time needs what the first gave back
      for (let round = 0; round < 2; round++) {
        const streams = await Promise.all(Array.from({ length: STREAMS }, (_, i) => here.connect(optionsOf(i))))
        assert.equal(hub.stats().connections, STREAMS)
        assert.equal(getEventListeners(signal, "abort").length, kind === "one signal" ? 1 : 0)
        await over(here, streams)
        await clock.settle()
        const { connections, live, topics } = hub.stats()
        assert.deepEqual({ connections, live, topics }, { connections: 0, live: 0, topics: 0 })
        assert.equal(getEventListeners(signal, "abort").length, 0)
        await clock.pass(20_000)
        assert.equal(hub.presence.of("room").streams, 0)
        assert.ok(clock.timers <= timers + 1, `${clock.timers} timers are left of ${timers}`)
      }
      await hub.close()
      assert.equal(clock.timers, 0)
    })
  }
}

test("20,000 streams, each with its own topic, pattern, limit key, user and signal, leave no memory behind", async () => {
  const { hub, clock } = await stage({ presence: true, window: { maxEntries: 10 }, retention: { count: 10 } })
  let made = 0
  await assertGivesBack(20_000, async () => {
    for (let i = 0; i < 20_000; i++) {
      made++
      const stream = new Recorder()
      const options = { topics: [`t ${made}`], patterns: [`${made}/*`], limitKey: `k ${made}`, userId: `w ${made}` }
      const { signal: login } = new AbortController()
      hub
        .subscribe({ ...options, signal: login })
        .open()
        .start(stream)
      if (i % 50 === 0) await hub.publish({ topic: `t ${made}`, data: "1" })
      stream.leave()
    }
    // presence tells the others, and what it told of it forgets
    await clock.pass(60_000)
  })
  await hub.close()
})
