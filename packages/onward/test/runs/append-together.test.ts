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

test("at most 8 records and 65,536 characters are collected before they are appended", async () => {
  const lengthsOf = async (data: readonly string[]) =>
    (await appendEach(data, () => undefined)).given.map((each) => each.length)
  assert.deepEqual(await lengthsOf(Array(17).fill("x")), [8, 8, 1])
  const half = "x".repeat(32_768)
  assert.deepEqual(await lengthsOf([half, half, half, half, "y"]), [2, 2, 1])
  assert.deepEqual(await lengthsOf([half, half.slice(1), "", "y", "z"]), [4, 1])
})

test("a call without records, and one with several, are stored once each", async () => {
  const given: number[] = []
  const append = appendTogether({
    async append(messages) {
      given.push(messages.length)
      return appended
    },
  })
  const messages = (length: number) => Array.from({ length }, () => ({ topic: "a", data: "x" }))
  await Promise.all([3, 5, 1].map((length) => append(messages(length))))
  assert.deepEqual(given, [8, 1])
})

test("a record that the log refuses fails alone", async () => {
  const { outcomes } = await appendEach(["1", "bad", "3"], (messages) =>
    messages.some(({ data }) => data === "bad") ? new OnwardError("message_too_large", "Too large.") : undefined,
  )
  assert.deepEqual(outcomes, ["fulfilled", "rejected", "fulfilled"])
})

test("a record that is refused alone is not appended again, and its error is what the log said", async () => {
  const refusal = new OnwardError("message_too_large", "Too large.")
  let calls = 0
  const append = appendTogether({
    async append() {
      calls++
      throw refusal
    },
  })
  await assert.rejects(append([{ topic: "a", data: "x" }]), refusal)
  assert.equal(calls, 1)
  const mistake = new TypeError("a mistake")
  assert.equal((await appendEach(["1", "2"], () => mistake)).given.length, 3)
})

test("while the store is unavailable, each run retries its own records", async () => {
  const { given, outcomes } = await appendEach(["1", "2"], () => new OnwardError("log_unavailable", "Away."))
  assert.deepEqual(outcomes, ["rejected", "rejected"])
  assert.equal(given.length, 1)
})
