import assert from "node:assert/strict"
import { test } from "node:test"
import { systemClock } from "../../src/clock.ts"
import { formatPosition, memoryLog, type Landmark, type Retention, type StoredMessage } from "../../src/log/index.ts"
import { assertGivesBack } from "../garbage.ts"
import { randomFrom, SEED } from "./compare.ts"
import { NaiveLog } from "./naive-log.ts"

const BATCHES = 300
const TOPICS = ["a", "b", "c", "d"]

/** Each makes the log tidy up what it holds by another way: at the front, in the middle behind an old entry, by size, by all at once. */
const retentions: Readonly<Record<string, Retention>> = {
  "a limit on all entries": { count: 400 },
  "a limit on each topic": { topic: { count: 3 } },
  "a limit on bytes": { bytes: 5_000 },
  "limits on all and on each topic": { count: 1_000, topic: { count: 200, bytes: 900 } },
}

for (const [name, retention] of Object.entries(retentions)) {
  test(`after 3,000 entries, a log with ${name} returns the same as a naive one (ONWARD_SEED=${SEED})`, async () => {
    const { below, chance, pick } = randomFrom(SEED)
    const epoch = "life0000"
    let now = 1_000
    const log = memoryLog({ retention, epoch, clock: { ...systemClock, now: () => now, monotonic: () => now } })
    const naive = new NaiveLog(epoch, retention)
    let sent = 0
    const message = (): StoredMessage => ({
      topic: pick(TOPICS),
      data: `${sent++}`.repeat(1 + below(3)),
      ...(chance(0.1) && { id: `id ${below(200)}` }),
      ...(chance(0.1) && { idempotencyKey: `key ${below(200)}` }),
    })
    // one entry that no later one pushes out of its topic
    const first: StoredMessage[] = [{ topic: "old", data: "kept" }]
    assert.deepEqual(await log.append(first), naive.append(first, now))

    for (let batch = 0; batch < BATCHES; batch++) {
      now += below(3)
      const messages = Array.from({ length: 10 }, message)
      assert.deepEqual(await log.append(messages), naive.append(messages, now))
      if (batch % 5 > 0) continue
      assert.deepEqual(await log.bounds(), naive.bounds())
      const topics = chance(0.5) ? { topics: ["old", ...TOPICS].filter(() => chance(0.5)) } : {}
      const near = Math.max(0, naive.first - 5 + below(30))
      for (const after of [naive.first, near, below(naive.last + 1)].map((sequence) =>
        formatPosition(epoch, sequence),
      )) {
        const query = { after, limit: pick([1, 20, 5_000]), ...topics }
        assert.deepEqual(await log.read(query), naive.read(query), JSON.stringify(query))
      }
      const landmarks: Landmark[] = [
        { last: below(1_500), ...topics },
        { since: now - below(400) },
        { id: `id ${below(200)}`, ...topics },
      ]
      for (const landmark of landmarks) {
        assert.deepEqual(await log.locate(landmark), naive.locate(landmark), JSON.stringify(landmark))
      }
    }
    await log.close()
  })
}

test("a log keeps nothing of 40,000 topics, ids and keys that each occurred once", async () => {
  const log = memoryLog({ retention: { count: 10 } })
  let sent = 0
  // more topics than a log remembers the marks of, so that what it remembers does not grow
  await assertGivesBack(40_000, async () => {
    for (let batch = 0; batch < 400; batch++) {
      await log.append(
        Array.from({ length: 100 }, () => {
          sent++
          return { topic: `topic ${sent}`, data: "", id: `id ${sent}`, idempotencyKey: `key ${sent}` }
        }),
      )
    }
  })
  await log.close()
})
