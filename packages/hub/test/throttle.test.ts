import assert from "node:assert/strict"
import { test } from "node:test"
import { createThrottle, type Throttle } from "../src/throttle.ts"
import { publish, testServer } from "./server.ts"

/** How many of `count` requests at once are let in. */
async function admitted(throttle: Throttle, caller: string, count: number): Promise<number> {
  const answers = await Promise.allSettled(Array.from({ length: count }, () => throttle.admit(caller)))
  return answers.filter(({ status }) => status === "fulfilled").length
}

test("each caller has its own rate, with a burst of two seconds", async () => {
  let now = 0
  const throttle = createThrottle({ rate: 100, now: () => now, wait: async () => {} })
  assert.equal(await admitted(throttle, "a", 1_000), 200)
  assert.equal(await admitted(throttle, "b", 1), 1)
  now += 500
  assert.equal(await admitted(throttle, "a", 1_000), 50)
  now += 1_000_000
  assert.equal(await admitted(throttle, "a", 1_000), 200)
})

test("the messages of a request are charged too, into a debt of at most two seconds", async () => {
  let now = 0
  const throttle = createThrottle({ rate: 100, now: () => now, wait: async () => {} })
  throttle.spend("a", 1_000_000)
  await assert.rejects(throttle.admit("a"), { status: 429, code: "too_many_messages", headers: { "retry-after": "3" } })
  now += 2_010
  assert.equal(await admitted(throttle, "a", 10), 1)
})

test("a refusal is delayed, for up to a thousand callers", async () => {
  const waits: (() => void)[] = []
  const throttle = createThrottle({ rate: 1, now: () => 0, wait: () => new Promise((resolve) => waits.push(resolve)) })
  const answers: unknown[] = []
  for (let i = 0; i < 1_500; i++) throttle.admit("a").catch((error: unknown) => answers.push(error))
  await new Promise((resolve) => void setImmediate(resolve))
  assert.deepEqual([waits.length, answers.length], [1_000, 498])
  for (const resolve of waits) resolve()
  await new Promise((resolve) => void setImmediate(resolve))
  assert.equal(answers.length, 1_498)
})

test("each refusal is delayed also after thousands of them are over", async () => {
  const waited: number[] = []
  const throttle = createThrottle({ rate: 1, now: () => 0, wait: async (ms) => void waited.push(ms) })
  for (let i = 0; i < 3_000; i++) await throttle.admit("a").catch(() => {})
  assert.deepEqual([waited.length, ...new Set(waited)], [2_998, 500])
})

test("without a rate no caller is refused", async () => {
  const throttle = createThrottle({ rate: 0 })
  throttle.spend("a", 1e9)
  assert.equal(await admitted(throttle, "a", 10_000), 10_000)
})

test("ten thousand callers are remembered, and older ones are forgotten", async () => {
  const throttle = createThrottle({ rate: 1, now: () => 0, wait: async () => {} })
  await admitted(throttle, "first", 2)
  for (let i = 0; i < 5_000; i++) throttle.spend(`caller ${i}`, 1)
  assert.equal(await admitted(throttle, "first", 1), 0)
  for (let i = 0; i < 20_000; i++) throttle.spend(`other ${i}`, 1)
  // forgotten: it begins with what it may save up
  assert.equal(await admitted(throttle, "first", 3), 2)
})

test("a flooding publisher gets 429 with Retry-After, and its batches are charged by their messages", async (t) => {
  const { url, errors } = await testServer(t, { log: "memory:", publishRate: 5 })
  await publish(url, { topic: "a", data: "1" })
  const batch = Array.from({ length: 1_000 }, () => ({ topic: "a" }))
  const post = (body: unknown): Promise<Response> =>
    fetch(`${url}/publish`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    })
  assert.equal((await post(batch)).status, 200)
  const refused = await post({ topic: "a" })
  assert.equal(refused.status, 429)
  assert.match(refused.headers.get("retry-after") ?? "", /^[1-3]$/)
  assert.equal(((await refused.json()) as { error: { code: string } }).error.code, "too_many_messages")
  // reading is not publishing
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
  assert.equal(errors.length, 1)
})
