import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { Redis } from "ioredis"
import { createResumableStreamContext as createTheirs } from "resumable-stream/ioredis"
import { memoryLog } from "../../src/log/index.ts"
import { createResumableStreamContext } from "../../src/resumable-stream/index.ts"
import { redisMissing, startRedis } from "../stores/redis.ts"
import { differences, expected, program, type Context, type Part } from "./program.ts"

const skip = redisMissing ?? false

type Contexts = readonly [here: Context, there: Context]

/** The package's own contexts of two processes, on a Redis of their own. */
async function theirs(t: TestContext): Promise<Contexts> {
  const redis = await startRedis({ appendfsync: "none" })
  const clients = [1, 2, 3, 4].map(() => new Redis(redis.url))
  t.after(async () => {
    for (const client of clients) client.disconnect()
    await redis.close()
  })
  const [publisher, subscriber, publisher2, subscriber2] = clients as [Redis, Redis, Redis, Redis]
  return [
    createTheirs({ waitUntil: () => {}, publisher, subscriber }),
    createTheirs({ waitUntil: () => {}, publisher: publisher2, subscriber: subscriber2 }),
  ]
}

function ours(t: TestContext, finished?: "null"): Contexts {
  const log = { ...memoryLog(), close: async () => {} }
  const contexts = [1, 2].map(() =>
    createResumableStreamContext({ log, waitUntil: null, ...(finished && { finished }) }),
  )
  t.after(() => Promise.all(contexts.map((context) => context.close())))
  return contexts as unknown as Contexts
}

async function answers(parts: Readonly<Record<string, Part>>, contexts: Contexts): Promise<unknown[]> {
  const given: unknown[] = []
  for (const part of Object.values(parts)) given.push(await part(...contexts))
  return given
}

test("a program for the package gets the same results from ours", { skip }, async (t) => {
  assert.deepEqual(await answers(program, await theirs(t)), expected)
  assert.deepEqual(await answers(program, ours(t)), expected)
  assert.deepEqual(await answers(program, ours(t, "null")), expected)
})

test("the differences are those that docs/runs.md lists", { skip }, async (t) => {
  assert.deepEqual(await answers(differences, await theirs(t)), [[null, null], "67890", ["mine", "yours"]])
  assert.deepEqual(await answers(differences, ours(t)), [["all of it", "of it"], "90", ["mine", "mine"]])
  assert.deepEqual(await answers(differences, ours(t, "null")), [[null, null], "90", ["mine", "mine"]])
})
