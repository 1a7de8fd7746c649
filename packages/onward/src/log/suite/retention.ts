import type { Retention } from "../log.ts"
import type { Case } from "./case.ts"
import { dataOf, message, messages, settle, stoppedClock } from "./case.ts"
import { equal, readAll } from "./check.ts"

/** Messages of ten bytes each: one of topic, nine of data. */
const tenBytes = (topic: string, count: number, from = 1) =>
  Array.from({ length: count }, (_, i) => message(topic, String(from + i).padStart(9, "0")))

const numbers = (data: readonly string[]): number[] => data.map(Number)

export const retentionCases: readonly Case[] = [
  {
    name: "the log keeps at most retention.count entries",
    async run({ open }) {
      const log = await open({ retention: { count: 4 } })
      await log.append(messages("a", 3))
      equal((await readAll(log)).length, 3, "below the limit, all entries are kept")
      await log.append(messages("b", 1))
      await settle(log)
      equal((await readAll(log)).length, 4, "at the limit, all entries are kept")
      await log.append(messages("c", 2))
      await settle(log)
      equal(dataOf(await readAll(log)), ["a 3", "b 1", "c 1", "c 2"], "above the limit, the oldest are removed")
    },
  },
  {
    name: "after a call with more messages than the limit, the newest are kept",
    async run({ open }) {
      const log = await open({ retention: { count: 4 } })
      const { positions } = await log.append(messages("a", 10))
      await settle(log)
      const kept = await readAll(log)
      equal(
        kept.map((entry) => entry.position),
        positions.slice(6),
        "every message of the call has a position",
      )
    },
  },
  {
    name: "the log keeps at most retention.bytes bytes",
    async run({ open }) {
      const log = await open({ retention: { bytes: 50 } })
      await log.append(tenBytes("a", 5))
      await settle(log)
      equal((await readAll(log)).length, 5, "at the limit, all entries are kept")
      await log.append([message("b", "")])
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 3, 4, 5, 0], "one byte more, and the oldest is removed")
      await log.append([message("a", "1234", { event: "123456789", id: "1234567890", idempotencyKey: "é".repeat(5) })])
      await settle(log)
      equal(dataOf(await readAll(log)), ["000000005", "", "1234"], "the UTF-8 bytes of event, id and key count")
      await log.append([message("a", "x".repeat(50))])
      await settle(log)
      equal(await readAll(log), [], "an entry larger than the limit is not kept")
    },
  },
  {
    name: "the log keeps no entry longer than retention.age",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(10_000)
      const log = await open({ retention: { age: 1000 }, clock })
      await log.append(messages("a", 2))
      set(10_600)
      await log.append(messages("b", 1))
      set(11_000)
      await settle(log)
      await log.append([])
      equal((await readAll(log)).length, 3, "at the maximum age, an entry is kept")
      set(11_001)
      await log.append(messages("c", 1))
      await settle(log)
      equal(dataOf(await readAll(log)), ["b 1", "c 1"], "after it, the entry is removed")
    },
  },
  ...topicCases([
    ["count", { topic: { count: 2 } }],
    ["bytes", { topic: { bytes: 20 } }],
  ]),
  {
    name: "the log keeps no entry longer than retention.topic.age",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(10_000)
      const log = await open({ retention: { age: 60_000, topic: { age: 1000 } }, clock })
      await log.append(messages("a", 2))
      set(11_001)
      await log.append(messages("b", 1))
      await settle(log)
      equal(dataOf(await readAll(log)), ["b 1"], "after the maximum age, an entry is removed")
    },
  },
  {
    name: "with several limits, each one applies",
    async run({ open }) {
      const log = await open({ retention: { count: 6, bytes: 55, topic: { count: 3 } } })
      await log.append(tenBytes("a", 4))
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 3, 4], "topic.count applies")
      await log.append(tenBytes("b", 3, 5))
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [3, 4, 5, 6, 7], "bytes applies")
      await log.append(["", "", ""].map((data) => message("c", data)))
      await settle(log)
      equal(dataOf(await readAll(log)).length, 6, "count applies")
    },
  },
  {
    name: "a log without kept entries has its newest position as both bounds",
    async run({ open }) {
      const log = await open({ retention: { count: 0 } })
      const { positions } = await log.append(messages("a", 3))
      await settle(log)
      equal(await log.bounds(), { first: positions[2], last: positions[2] }, "first is last")
      equal(await readAll(log), [], "a read returns nothing")
    },
  },
]

function topicCases(retentions: readonly [what: string, retention: Retention][]): Case[] {
  return retentions.map(([what, retention]) => ({
    name: `each topic keeps at most retention.topic.${what}`,
    async run({ open }) {
      const log = await open({ retention })
      await log.append([...tenBytes("a", 2), ...tenBytes("b", 1, 3)])
      await log.append([...tenBytes("a", 1, 4), ...tenBytes("b", 1, 5)])
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 3, 4, 5], "each topic keeps its newest two entries")
      equal(numbers(dataOf(await readAll(log, { topics: ["a"] }))), [2, 4], "also in a read by topic")
      await log.append(tenBytes("b", 7, 6))
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 4, 11, 12], "other topics do not change")
    },
  }))
}
