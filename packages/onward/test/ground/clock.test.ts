import assert from "node:assert/strict"
import { test } from "node:test"
import { sse } from "../../src/adapters/web.ts"
import { systemClock, type Clock } from "../../src/clock.ts"
import { createHub, memoryLog } from "../../src/index.ts"
import { createRuns } from "../../src/runs/index.ts"
import { text } from "../../src/runs/formats/text.ts"

test("the system clock returns the time of day, and measures durations by a monotonic clock", (t) => {
  const [day, moment] = [systemClock.now(), systemClock.monotonic()]
  assert.ok(Math.abs(day - Date.now()) < 60_000)
  t.mock.method(Date, "now", () => day - 3_600_000)
  assert.equal(systemClock.now(), day - 3_600_000)
  assert.ok(systemClock.monotonic() >= moment)
})

test("every entry of the server that takes a clock says which method it lacks", async () => {
  const ways: Record<string, (clock: Clock) => unknown> = {
    createHub: (clock) => createHub({ clock }),
    memoryLog: (clock) => memoryLog({ clock }),
    sse: (clock) => sse(new Request("http://a.example/"), async function* () {}, { clock }),
    createRuns: (clock) => createRuns({ clock, format: text() }),
  }
  for (const [name, give] of Object.entries(ways)) {
    for (const method of Object.keys(systemClock) as (keyof Clock)[]) {
      const expected = {
        name: "TypeError",
        message:
          `${name}: \`clock\` has no method \`${method}\`. ` +
          "A clock has now, monotonic, after, hold, turn, random: pass createClock() of onward/testing.",
      }
      await assert.rejects(async () => give({ ...systemClock, [method]: undefined }), expected)
    }
    await assert.rejects(async () => give(1 as unknown as Clock), {
      name: "TypeError",
      message: /`clock` has no method `now`/,
    })
  }
})
