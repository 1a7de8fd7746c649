import type { Retention } from "../log.ts"
import type { Case } from "./case.ts"
import { dataOf, message, messages, settle, stoppedClock } from "./case.ts"
import { equal, readAll } from "./check.ts"

/** Each message weighs ten bytes: topic 1, data 9. */
const tenBytes = (topic: string, count: number, from = 1) =>
  Array.from({ length: count }, (_, i) => message(topic, String(from + i).padStart(9, "0")))

const numbers = (data: readonly string[]): number[] => data.map(Number)

export const retentionCases: readonly Case[] = [
  {
    name: "no more entries are kept than retention.count",
    async run({ open }) {
      const log = await open({ retention: { count: 4 } })
      await log.append(messages("a", 3))
      equal((await readAll(log)).length, 3, "below the limit everything is kept")
      await log.append(messages("b", 1))
      await settle(log)
      equal((await readAll(log)).length, 4, "at the limit, too")
      await log.append(messages("c", 2))
      await settle(log)
      equal(dataOf(await readAll(log)), ["a 3", "b 1", "c 1", "c 2"], "above it the oldest go")
    },
  },
  {
    name: "a call that gives more than is kept leaves the newest",
    async run({ open }) {
      const log = await open({ retention: { count: 4 } })
      const { positions } = await log.append(messages("a", 10))
      await settle(log)
      const kept = await readAll(log)
      equal(
        kept.map((entry) => entry.position),
        positions.slice(6),
        "each message had its position all the same",
      )
    },
  },
  {
    name: "no more bytes are kept than retention.bytes",
    async run({ open }) {
      const log = await open({ retention: { bytes: 50 } })
      await log.append(tenBytes("a", 5))
      await settle(log)
      equal((await readAll(log)).length, 5, "fifty bytes fit")
      await log.append([message("b", "")])
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 3, 4, 5, 0], "one more and the oldest goes")
      await log.append([message("a", "1234", { event: "123456789", id: "1234567890", idempotencyKey: "é".repeat(5) })])
      await settle(log)
      equal(dataOf(await readAll(log)), ["000000005", "", "1234"], "event, id and key count, in UTF-8 bytes")
      await log.append([message("a", "x".repeat(50))])
      await settle(log)
      equal(await readAll(log), [], "what is larger than the limit is not kept")
    },
  },
  {
    name: "no entry is kept longer than retention.age",
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
      equal((await readAll(log)).length, 3, "at its age an entry is still kept")
      set(11_001)
      await log.append(messages("c", 1))
      await settle(log)
      equal(dataOf(await readAll(log)), ["b 1", "c 1"], "past it, it goes")
    },
  },
  ...topicCases([
    ["count", { topic: { count: 2 } }],
    ["bytes", { topic: { bytes: 20 } }],
  ]),
  {
    name: "no entry is kept longer than retention.topic.age",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(10_000)
      const log = await open({ retention: { age: 60_000, topic: { age: 1000 } }, clock })
      await log.append(messages("a", 2))
      set(11_001)
      await log.append(messages("b", 1))
      await settle(log)
      equal(dataOf(await readAll(log)), ["b 1"], "past its age an entry goes")
    },
  },
  {
    name: "whichever limit is passed first counts",
    async run({ open }) {
      const log = await open({ retention: { count: 6, bytes: 55, topic: { count: 3 } } })
      await log.append(tenBytes("a", 4))
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 3, 4], "the topic is over its count")
      await log.append(tenBytes("b", 3, 5))
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [3, 4, 5, 6, 7], "the log is over its bytes")
      await log.append(["", "", ""].map((data) => message("c", data)))
      await settle(log)
      equal(dataOf(await readAll(log)).length, 6, "the log is over its count")
    },
  },
  {
    name: "a log with nothing kept ends where it ended, and begins there",
    async run({ open }) {
      const log = await open({ retention: { count: 0 } })
      const { positions } = await log.append(messages("a", 3))
      await settle(log)
      equal(await log.bounds(), { first: positions[2], last: positions[2] }, "first is last")
      equal(await readAll(log), [], "nothing can be read")
    },
  },
]

function topicCases(retentions: readonly [what: string, retention: Retention][]): Case[] {
  return retentions.map(([what, retention]) => ({
    name: `no topic keeps more than retention.topic.${what}`,
    async run({ open }) {
      const log = await open({ retention })
      await log.append([...tenBytes("a", 2), ...tenBytes("b", 1, 3)])
      await log.append([...tenBytes("a", 1, 4), ...tenBytes("b", 1, 5)])
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 3, 4, 5], "each topic keeps its newest two")
      equal(numbers(dataOf(await readAll(log, { topics: ["a"] }))), [2, 4], "also when read by topic")
      await log.append(tenBytes("b", 7, 6))
      await settle(log)
      equal(numbers(dataOf(await readAll(log))), [2, 4, 11, 12], "other topics are left alone")
    },
  }))
}
