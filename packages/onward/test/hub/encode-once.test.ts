import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Entry, type Log } from "../../src/log/index.ts"
import { createClock } from "../../src/testing/index.ts"
import { Recorder } from "./recorder.ts"
import { stage } from "./stage.ts"

/** A log whose entries count how often they are encoded: encoding reads the event name once. */
function countingLog(inner: Log): { readonly log: Log; readonly encoded: () => number } {
  let encoded = 0
  const counting = (entry: Entry): Entry =>
    Object.defineProperty({ ...entry }, "event", {
      get() {
        encoded++
        return "tick"
      },
    })
  const log: Log = {
    ...inner,
    read: async (query) => {
      const page = await inner.read(query)
      return { ...page, entries: page.entries.map(counting) }
    },
  }
  return { log, encoded: () => encoded }
}

const MISSED = 50

/** Publishes `MISSED` messages and one before them, in another process, so that the hub reads them. */
async function missedEvents() {
  const clock = createClock()
  const { log, encoded } = countingLog(memoryLog({ clock, epoch: "life0000" }))
  const here = await stage({ log, clock })
  const elsewhere = here.another()
  const live = await here.connect({ topics: ["prices"] })
  const first = await elsewhere.publish({ topic: "prices", data: "0" })
  for (let i = 1; i <= MISSED; i++) await elsewhere.publish({ topic: "prices", data: String(i) })
  await clock.settle()
  return { ...here, live, first, encoded }
}

test("1,000 clients that resume encode no event twice, and no event that live streams have received", async () => {
  const { hub, live, first, encoded, connect } = await missedEvents()
  assert.equal(live.data.length, MISSED + 1)
  assert.equal(encoded(), MISSED + 1, "for the live stream")
  for (let i = 0; i < 1_000; i++) {
    const { data } = await connect({ topics: ["prices"] }, { after: first })
    assert.equal(data.length, MISSED)
  }
  const { data } = await connect({ patterns: ["pri*"] }, { after: first })
  assert.equal(data.length, MISSED)
  assert.equal(encoded(), MISSED + 1)
  await hub.close()
})

test("missed events are encoded when a stream resumes, and not before", async () => {
  const clock = createClock()
  const { log, encoded } = countingLog(memoryLog({ clock, epoch: "life0000" }))
  const { hub, another, connect } = await stage({ log, clock })
  const elsewhere = another()
  const first = await elsewhere.publish({ topic: "prices", data: "0" })
  for (let i = 1; i <= MISSED; i++) await elsewhere.publish({ topic: "prices", data: String(i) })
  await clock.settle()
  assert.equal(encoded(), 0)
  const recorder = new Recorder()
  hub
    .subscribe({ topics: ["prices"] })
    .open({ after: first })
    .start(recorder)
  await clock.settle()
  assert.equal(encoded(), MISSED)
  await connect({ topics: ["prices"] }, { after: first })
  assert.equal(encoded(), MISSED)
  await hub.close()
})
