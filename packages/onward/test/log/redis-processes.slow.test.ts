import assert from "node:assert/strict"
import { text } from "node:stream/consumers"
import { test } from "node:test"
import { Redis } from "ioredis"
import type { Appended, Entry, Log } from "../../src/log/index.ts"
import { redisLog } from "../../src/log/redis/index.ts"
import { redisMissing, startRedis } from "../stores/redis.ts"
import { start } from "./program.ts"

const skip = redisMissing ?? false

interface Call extends Appended {
  readonly data: readonly string[]
}

test(
  "several processes append at once, also over a kill -9 of Redis, and a follower receives all entries once and in order",
  { skip },
  async (t) => {
    const server = await startRedis()
    t.after(() => server.close())
    const client = new Redis(server.url, { retryStrategy: () => 50 })
    client.on("error", () => {})
    const log = redisLog(client, { retention: {}, timeout: 20_000 })
    t.after(async () => {
      await log.close()
      client.disconnect()
    })
    const { last } = await log.bounds()
    while ((await server.command("hget", "onward:{log}", "safe")) === "") await pause()
    const programs = ["one", "two", "three"].map((name) => start("append-to-redis", server.url, name, "100"))
    const outputs = Promise.all(programs.map((program) => text(program.stdout)))
    let isOver = false
    const over = outputs.then(() => (isOver = true))
    const seen: Entry[] = []
    const following = follow(log, last, seen, () => isOver)
    while (seen.length < 100) await pause()
    await server.kill()
    await server.restart()
    const calls = (await outputs).flatMap((output) => JSON.parse(output) as Call[])
    await over
    await following

    assert.equal(calls.length, 3 * 3 * 100)
    const stored = calls.flatMap(({ data }) => data)
    assert.equal(seen.length, stored.length + 100, "all that was acknowledged, and each shared message once")
    const placeOf = new Map(seen.map(({ position }, place) => [position, place]))
    for (const { data, positions } of calls) {
      const place = placeOf.get(positions[0] ?? "") ?? assert.fail("an acknowledged entry is missing")
      assert.deepEqual(
        seen.slice(place, place + data.length).map((entry) => entry.data),
        data,
        "a call's entries lie together",
      )
    }
  },
)

const pause = (): Promise<void> => new Promise((resolve) => void setTimeout(resolve, 10))

/** Reads on whenever woken, until it is over and nothing is left. */
async function follow(log: Log, from: string, seen: Entry[], isOver: () => boolean): Promise<void> {
  const wakes: unknown[] = []
  const stop = await log.watch((newest) => void wakes.push(newest))
  for (let at = from; ;) {
    const wasOver = isOver()
    wakes.length = 0
    const { entries, next, lost } = await log.read({ after: at, limit: 50 })
    assert.equal(lost, undefined, "a restart is no gap")
    seen.push(...entries)
    if (next === at && wasOver) break
    const hasMoved = next !== at
    at = next
    if (hasMoved) continue
    while (wakes.length === 0 && !isOver()) await pause()
  }
  await stop()
}
