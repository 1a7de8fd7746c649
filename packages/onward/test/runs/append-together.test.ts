import assert from "node:assert/strict"
import { test } from "node:test"
import { OnwardError } from "../../src/errors.ts"
import type { StoredMessage } from "../../src/message.ts"
import { appendTogether } from "../../src/runs/append-together.ts"

const appended = { positions: [], previous: "", time: 0 }

/** Appends each message in a call of its own, in one turn. Resolves to what became of each, and to what the log was given. */
async function appendEach(data: readonly string[], failure: (messages: readonly StoredMessage[]) => Error | undefined) {
  const given: string[][] = []
  const append = appendTogether({
    async append(messages) {
      given.push(messages.map((message) => message.data))
      const error = failure(messages)
      if (error) throw error
      return appended
    },
  })
  const results = await Promise.allSettled(data.map((each) => append([{ topic: "a", data: each }])))
  return { given, outcomes: results.map(({ status }) => status) }
}

test("what runs append in one turn is stored in few calls of the log, in order", async () => {
  const { given, outcomes } = await appendEach(
    Array.from({ length: 20 }, (_, i) => String(i)),
    () => undefined,
  )
  assert.deepEqual(given.flat().map(Number), [...Array(20).keys()])
  assert.ok(given.length <= 4, `${given.length} calls`)
  assert.ok(outcomes.every((outcome) => outcome === "fulfilled"))
})

test("large records are not collected without a bound", async () => {
  const { given } = await appendEach(["x".repeat(40_000), "x".repeat(40_000), "y"], () => undefined)
  assert.deepEqual(
    given.map(({ length }) => length),
    [2, 1],
  )
})

test("a record that the log refuses fails alone", async () => {
  const { outcomes } = await appendEach(["1", "bad", "3"], (messages) =>
    messages.some(({ data }) => data === "bad") ? new OnwardError("message_too_large", "Too large.") : undefined,
  )
  assert.deepEqual(outcomes, ["fulfilled", "rejected", "fulfilled"])
})

test("while the store is unavailable, each run retries its own records", async () => {
  const { given, outcomes } = await appendEach(["1", "2"], () => new OnwardError("log_unavailable", "Away."))
  assert.deepEqual(outcomes, ["rejected", "rejected"])
  assert.equal(given.length, 1)
})
