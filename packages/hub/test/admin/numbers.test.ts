import assert from "node:assert/strict"
import { test } from "node:test"
import { memoryLog, type Hub, type Log } from "onward"
import { createClock } from "onward/testing"
import { addHistograms, addLag, quantile } from "../../src/admin/lag-histogram.ts"
import { measureLog, tailLag } from "../../src/admin/log-size.ts"
import { mergePoints } from "../../src/admin/merge-points.ts"
import { createTopicIndex } from "../../src/admin/topic-index.ts"
import { createRecorder, type Point } from "../../src/admin/worker-numbers.ts"

/** A histogram of these delays. */
function histogram(...delays: number[]): number[] {
  const made: number[] = []
  for (const ms of delays) addLag(made, ms, 1)
  return made
}

test("a quantile of delays is at most a fifth too high", () => {
  assert.equal(quantile([], 0.5), null)
  assert.deepEqual([histogram(0), histogram(-5), histogram(3)], [[1], [1], [0, 0, 0, 0, 0, 0, 0, 0, 1]])
  for (const ms of [0, 1, 5, 100, 2_000, 3_600_000]) {
    const found = quantile(histogram(ms), 0.5) as number
    assert.ok(found > ms && found + 1 <= (ms + 1) * 1.19, `${ms}: ${found}`)
  }
  const delays = histogram(...Array.from({ length: 99 }, () => 1), 100)
  assert.ok((quantile(delays, 0.99) as number) < 2)
  assert.ok((quantile(delays, 0.995) as number) > 100)
  assert.equal(histogram(1e12).length, 100)
  const many: number[] = []
  addLag(many, 0, 3)
  addLag(many, 0, 4)
  assert.deepEqual(many, [7])
  assert.deepEqual(addHistograms([1, 2], [10, 20, 30]), [11, 22, 30])
  assert.deepEqual(addHistograms([10, 20, 30], [1]), [11, 20, 30])
})

const point = (at: number, more: Partial<Point> = {}): Point => ({
  ...{ at, published: 1, failed: 0, delivered: 2, sentBytes: 3, opened: 4, refused: 5, live: 6, reading: 7, full: 8 },
  lag: [1],
  ...more,
})

test("the points of workers are added by their time, and the last 15 minutes are shown, oldest first", () => {
  const [first, second] = mergePoints([
    [point(5_000), point(10_000, { lag: [] })],
    [point(5_000, { lag: [0, 0, 0, 0, 9] })],
  ])
  const { p50, p99, ...sums } = first ?? { p50: 0, p99: 0 }
  assert.deepEqual(sums, {
    ...{ at: 5_000, published: 2, failed: 0, delivered: 4, sentBytes: 6, opened: 8, refused: 10 },
    ...{ live: 12, reading: 14, full: 16 },
  })
  assert.ok((p50 as number) > 1 && p50 === p99)
  assert.partialDeepStrictEqual(second, { at: 10_000, published: 1, p50: null, p99: null })
  const many = mergePoints([Array.from({ length: 200 }, (_, i) => point((200 - i) * 5_000))])
  assert.deepEqual([many.length, many[0]?.at, many.at(-1)?.at], [180, 105_000, 1_000_000])
})

test("a worker remembers what happened in each five seconds, for 15 minutes", () => {
  const stats = { live: 1, reading: 2, full: 3, bytes: 10 }
  const counting = {
    streams: { sentBytes: 5, opened: 7, resumed: () => [["new", 1]], closed: () => [["client", 2]] },
    messages: { stored: 3, failed: 1, delivered: 4 },
    requests: { refused: 2, refusals: () => [["busy", 3]] },
  }
  let now = 1_002
  const recorder = createRecorder(counting as never, () => now)
  const hub = { stats: () => stats } as unknown as Hub
  recorder.observe({ type: "delivered", lag: 0, entries: 2 } as never)
  recorder.observe({ type: "opened" } as never)
  recorder.addPoint(hub)
  const first = {
    ...{ at: 0, published: 3, failed: 1, delivered: 4, sentBytes: 15, opened: 7, refused: 2 },
    ...{ live: 1, reading: 2, full: 3, lag: [2] },
  }
  assert.deepEqual(recorder.history(), [first])
  counting.messages.stored = 5
  now = 5_010
  recorder.addPoint(hub)
  assert.partialDeepStrictEqual(recorder.history()[1], { at: 5_000, published: 2, delivered: 0, sentBytes: 0, lag: [] })
  assert.partialDeepStrictEqual(recorder.numbers(hub), {
    ...{ worker: 0, counts: { published: 5, sentBytes: 15 } },
    ...{ resumed: { new: 1 }, closed: { client: 2 }, refused: { busy: 3 }, point: { at: 5_000 } },
  })
  assert.ok(Math.abs(recorder.numbers(hub).uptime - process.uptime() * 1_000) < 1_000)
  for (let i = 0; i < 200; i++) recorder.addPoint(hub)
  assert.equal(recorder.history().length, 180)
})

const message = (topic: string, data = "é"): { topic: string; data: string } => ({ topic, data })

test("the newest entries are counted by topic, with the rate of the last minute", async () => {
  const clock = createClock()
  const log = memoryLog({ clock, retention: { count: 12 } })
  const index = createTopicIndex({ log, maxEntries: 8, now: clock.now })
  assert.deepEqual(await index.count(), { topics: [], counted: 0, isAll: true })
  await log.append([message("a"), message("stream.x"), message("b", "xyz")])
  await clock.pass(60_001)
  const { positions } = await log.append([message("a", "x")])
  const [a, b] = (await index.count()).topics
  assert.deepEqual(a, {
    ...{ topic: "a", entries: 2, bytes: 3, newestId: positions[0], newestAt: clock.now(), rate: 1 / 60 },
  })
  assert.partialDeepStrictEqual(b, { topic: "b", entries: 1, bytes: 3, rate: 0, newestAt: clock.now() - 60_001 })
  assert.deepEqual([(await index.count()).counted, (await index.count()).isAll], [3, true])
  await log.append(Array.from({ length: 6 }, () => message("c")))
  const counted = await index.count()
  assert.deepEqual(counted.topics.map(({ topic, entries }) => `${topic} ${entries}`).sort(), ["a 1", "b 1", "c 6"])
  assert.deepEqual([counted.counted, counted.isAll], [8, false])
  // retention removes what was counted
  await log.append(Array.from({ length: 4 }, () => message("stream.y")))
  for (let i = 0; i < 30; i++) await log.append([message("d")])
  const after = await index.count()
  assert.deepEqual([after.topics.map(({ topic, entries }) => [topic, entries]), after.counted], [[["d", 8]], 8])
  await log.close()
})

test("an index that begins late counts the newest entries only, and says so", async () => {
  const log = memoryLog()
  await log.append(Array.from({ length: 20 }, (_, i) => message(`t${i}`)))
  const few = await createTopicIndex({ log, maxEntries: 5 }).count()
  assert.deepEqual([few.counted, few.isAll, few.topics[0]?.topic], [5, false, "t15"])
  assert.partialDeepStrictEqual(await createTopicIndex({ log, maxEntries: 20 }).count(), { counted: 20, isAll: true })
  await log.close()
})

test("the size of a log is measured, and a log that is away is told", async () => {
  const clock = createClock()
  const log = memoryLog({ clock, retention: { count: 2 } })
  const bytes = async (): Promise<number> => 7
  assert.deepEqual(await measureLog({ log, bytes }), { isUp: true, entries: 0, oldestAt: undefined, bytes: 7 })
  await log.append([message("a"), message("b")])
  await clock.pass(1_000)
  await log.append([message("c")])
  const failing = async (): Promise<number> => Promise.reject(new Error("no size"))
  assert.deepEqual(await measureLog({ log, bytes: failing }), {
    ...{ isUp: true, entries: 2, oldestAt: clock.now() - 1_000, bytes: undefined },
  })
  const away = { bounds: failing, read: failing } as unknown as Log
  assert.deepEqual(await measureLog({ log: away, bytes }), { isUp: false })
  const { first, last } = await log.bounds()
  assert.deepEqual(
    [await tailLag(log, ""), await tailLag(log, last), await tailLag(away, last)],
    [undefined, 0, undefined],
  )
  const lag = (await tailLag(log, first)) as number
  assert.ok(Math.abs(Date.now() - (clock.now() - 1_000) - lag) < 10_000)
  await log.close()
})
