import { MAX_SAME_ID } from "../driver/id-index.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages, settle, stoppedClock } from "./case.ts"
import { equal, readAll } from "./check.ts"

export const locateCases: readonly Case[] = [
  {
    name: "locate finds an entry by its id while it is kept",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      const { positions } = await log.append([
        message("a", "1", { id: "one" }),
        message("a", "2", { id: "two", idempotencyKey: "k" }),
      ])
      equal(await log.locate({ id: "one" }), positions[0], "the position of the first entry")
      equal(await log.locate({ id: "two" }), positions[1], "the position of the second entry")
      equal(await log.locate({ id: "three" }), undefined, "an id that no message had is not found")
      equal(await log.locate({ id: "k" }), undefined, "an idempotency key is not an id")
      equal(await log.locate({ id: positions[0] ?? "" }), undefined, "a position is not an id")
      await log.append(messages("a", 2))
      await settle(log)
      equal(await log.locate({ id: "one" }), undefined, "a removed entry is not found")
      equal(await log.locate({ id: "two" }), positions[1], "a kept one still is")
      const again = await log.append([message("b", "3", { id: "one" })])
      equal(await log.locate({ id: "one" }), again.positions[0], "stored again, it is found at its new position")
    },
  },
  {
    name: "locate finds an id on the requested topics only",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { positions } = await log.append([
        message("a", "1", { id: "x" }),
        message("b", "2", { id: "x" }),
        message("c/1", "3", { id: "x" }),
        message("b", "4", { id: "only b" }),
      ])
      const isC = (topic: string): boolean => topic.startsWith("c/")
      equal(await log.locate({ id: "x" }), positions[0], "without topics, the oldest entry with this id")
      equal(await log.locate({ id: "x", topics: ["b"] }), positions[1], "on one topic, its entry")
      equal(await log.locate({ id: "x", topics: ["c/1", "b"] }), positions[1], "on several, their oldest entry")
      equal(await log.locate({ id: "x", topics: ["b", "b"] }), positions[1], "a topic named twice counts once")
      equal(await log.locate({ id: "x", topics: ["d"] }), undefined, "on a topic without the id, it is not found")
      equal(await log.locate({ id: "x", topics: [] }), undefined, "without any topic, it is not found")
      equal(await log.locate({ id: "only b", topics: ["a"] }), undefined, "the id of another topic is not found")
      equal(await log.locate({ id: "x", matches: isC }), positions[2], "on the topics that match")
      equal(
        await log.locate({ id: "x", topics: ["b"], matches: isC }),
        positions[1],
        "on named topics and those that match",
      )
      equal(await log.locate({ id: "only b", topics: ["a"], matches: isC }), undefined, "and on no other topics")
      equal(await log.locate({ id: "x", matches: () => false }), undefined, "if no topic matches, it is not found")
    },
  },
  {
    name: "locate finds an id that is on many topics, on those that are named",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const topics = Array.from({ length: 1_200 }, (_, i) => `t${i}`)
      const { positions } = await log.append(topics.map((topic) => message(topic, "", { id: "x" })))
      equal(await log.locate({ id: "x", topics: ["t1199"] }), positions[1_199], "with one named topic")
      equal(
        await log.locate({ id: "x", topics: topics.slice(600, 700) }),
        positions[600],
        "with a hundred, the oldest entry",
      )
    },
  },
  {
    name: "locate finds an id on the topics that match while at most 1,000 topics have it",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const topics = Array.from({ length: MAX_SAME_ID }, (_, i) => `t${i}`)
      const { positions } = await log.append(topics.map((topic) => message(topic, "", { id: "x" })))
      const isLate = (topic: string): boolean => Number(topic.slice(1)) >= 990
      equal(await log.locate({ id: "x", matches: isLate }), positions[990], "the oldest entry that matches, of 1,000")
      await log.append([message("one more", "", { id: "x" })])
      const position = await log.locate({ id: "x", matches: isLate })
      equal(position, undefined, "with one more topic, the id counts as unknown")
      equal(await log.locate({ id: "x", topics: ["one more", "t990"] }), positions[990], "named topics are still found")
    },
  },
  {
    name: "locate finds the position just before the first entry since a given time",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(1000)
      const log = await open({ ...KEEP_ALL, clock })
      equal(await log.locate({ since: 0 }), (await log.bounds()).last, "in an empty log, it is the end")
      await log.append(messages("a", 2))
      set(2000)
      await log.append(messages("b", 2))
      set(3000)
      await log.append(messages("c", 1))
      const since = async (time: number): Promise<string[]> => {
        const after = await log.locate({ since: time })
        return after === undefined ? [] : dataOf(await readAll(log, { after }))
      }
      equal(await since(0), ["a 1", "a 2", "b 1", "b 2", "c 1"], "a time before all entries")
      equal(await since(1000), ["a 1", "a 2", "b 1", "b 2", "c 1"], "the time of the oldest")
      equal(await since(1001), ["b 1", "b 2", "c 1"], "a time between two")
      equal(await since(2000), ["b 1", "b 2", "c 1"], "the time of one")
      equal(await since(2999.5), ["c 1"], "a time just before the newest")
      equal(
        await log.locate({ since: 3001 }),
        (await log.bounds()).last,
        "after all entries, it is the newest position",
      )
      equal(
        await log.locate({ since: Number.MAX_SAFE_INTEGER }),
        (await log.bounds()).last,
        "also for the largest time",
      )
    },
  },
  {
    name: "the position for a time is after entries that were removed just before it",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(1000)
      const log = await open({ retention: { topic: { count: 1 } }, clock })
      await log.append(messages("a", 1))
      set(2000)
      await log.append(messages("b", 1))
      set(3000)
      const { previous } = await log.append(messages("b", 1, 2))
      await settle(log)
      equal(await log.locate({ since: 1500 }), previous, "it is just before the first kept entry since then")
      equal((await log.read({ after: previous, limit: 9 })).lost, undefined, "and a read after it reports no loss")
    },
  },
  {
    name: "locate finds the position before the last n entries",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      equal(await log.locate({ last: 3 }), (await log.bounds()).first, "in an empty log, it is the beginning")
      await log.append(messages("a", 6))
      const { first, last } = await log.bounds()
      const after = await log.locate({ last: 2 })
      equal(dataOf(await readAll(log, { after: after ?? "" })), ["a 5", "a 6"], "n entries follow it")
      equal(await log.locate({ last: 0 }), last, "for n = 0, it is the newest position")
      equal(await log.locate({ last: 7 }), first, "when fewer are kept, it is `first`")
      equal(
        dataOf(await readAll(log, { after: (await log.locate({ last: 6 })) ?? "" })).length,
        6,
        "when exactly n are kept, all follow it",
      )
    },
  },
  {
    name: "locate finds the position before the last n entries of some topics",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      for (let i = 1; i <= 5; i++)
        await log.append([...messages("a", 1, i), ...messages("b", 1, i), ...messages("c", 3, i * 3 - 2)])
      const after = await log.locate({ last: 3, topics: ["a", "b"] })
      const topics = ["a", "b"]
      equal(
        dataOf(await readAll(log, { after: after ?? "", topics })),
        ["b 4", "a 5", "b 5"],
        "counted on these topics together",
      )
      const { first } = await log.bounds()
      equal(await log.locate({ last: 6, topics: ["a", "none"] }), first, "when fewer are kept on them, it is `first`")
      equal(await log.locate({ last: 1, topics: [] }), first, "without any topic, it is `first`")
    },
  },
  {
    name: "locate ignores entries that retention has removed",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      await log.append(messages("a", 10))
      await settle(log)
      const { first } = await log.bounds()
      equal(await log.locate({ last: 5 }), first, "when fewer are kept, it is `first`")
      const since = await log.locate({ since: 0 })
      equal(
        dataOf(await readAll(log, { after: since ?? "" })),
        ["a 8", "a 9", "a 10"],
        "all kept entries follow the earliest time",
      )
      equal((await log.read({ after: since ?? "", limit: 1 })).lost, undefined, "a read after it reports no loss")
    },
  },
]
