import { createEpoch, formatPosition, parsePosition } from "../driver/position.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages } from "./case.ts"
import { check, equal, readAll } from "./check.ts"

export const readCases: readonly Case[] = [
  {
    name: "an empty log begins where it ends, and reading it gives nothing",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { first, last } = await log.bounds()
      equal(first, last, "first is last")
      const page = await log.read({ after: first, limit: 10 })
      equal(page, { entries: [], next: last }, "the page is empty, stands at the end, and nothing is lost")
    },
  },
  {
    name: "pages follow each other without gap or overlap",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 25))
      const expected = dataOf(await readAll(log))
      equal(expected, dataOf(await readAll(log, { limit: 1 })), "pages of one give the same")
      equal(expected, dataOf(await readAll(log, { limit: 7 })), "pages of seven give the same")
      equal(expected.length, 25, "everything is there")
    },
  },
  {
    name: "a full page ends at its last entry",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { positions, previous } = await log.append(messages("a", 10))
      const { entries, next } = await log.read({ after: previous, limit: 4 })
      equal(dataOf(entries), ["a 1", "a 2", "a 3", "a 4"], "the page holds the oldest entries")
      equal(next, positions[3], "`next` is the last of them")
    },
  },
  {
    name: "reading goes on after any entry, and after the newest there is nothing",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { positions } = await log.append(messages("a", 12))
      const all = dataOf(await readAll(log))
      for (const [i, position] of positions.entries()) {
        equal(dataOf(await readAll(log, { after: position })), all.slice(i + 1), `after entry ${i + 1} come the others`)
      }
      const page = await log.read({ after: positions.at(-1) as string, limit: 5 })
      equal(page, { entries: [], next: positions.at(-1) }, "the end is the end, and nothing is lost")
    },
  },
  {
    name: "reading by topic gives the entries of exactly these topics, in the order of the log",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      for (let i = 0; i < 30; i++) await log.append([message(`t${i % 5}`, String(i)), message("noise", "-")])
      const { first, last } = await log.bounds()
      const expected = Array.from({ length: 30 }, (_, i) => i).filter((i) => i % 5 === 1 || i % 5 === 3)
      for (const limit of [1, 3, 100]) {
        equal(
          dataOf(await readAll(log, { topics: ["t3", "t1"], limit })),
          expected.map(String),
          `with a limit of ${limit}`,
        )
      }
      equal(
        dataOf(await readAll(log, { topics: ["t1", "t1", "t3"] })),
        expected.map(String),
        "a topic named twice counts once",
      )
      equal(await readAll(log, { topics: ["t"] }), [], "a topic without entries has none")
      equal(await readAll(log, { topics: [] }), [], "no topics have no entries")
      check((await log.read({ after: first, topics: ["t1"], limit: 1 })).next < last, "a full page does not run ahead")
    },
  },
  {
    name: "a page without entries still moves on",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append([...messages("a", 1), ...messages("b", 50)])
      const { last } = await log.bounds()
      const [only] = await readAll(log, { topics: ["a"] })
      let at = only?.position ?? ""
      for (let pages = 0; at !== last; pages++) {
        check(pages < 100, "reading on from `next` comes to the end")
        const { entries, next } = await log.read({ after: at, topics: ["a"], limit: 1 })
        equal(entries, [], "there is nothing more on the topic")
        check(next > at, "`next` moves on while there are entries on other topics")
        at = next
      }
    },
  },
  {
    name: "many topics can be read at once",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const topics = Array.from({ length: 300 }, (_, i) => `user/${i}`)
      await log.append(topics.map((topic, i) => message(topic, String(i))))
      await log.append(topics.map((topic, i) => message(topic, String(300 + i))))
      const asked = topics.filter((_, i) => i % 2 === 0)
      const expected = Array.from({ length: 300 }, (_, i) => String(i * 2))
      equal(dataOf(await readAll(log, { topics: asked, limit: 64 })), expected, "every one of them is there, in order")
    },
  },
  {
    name: "a position of another life of the log is told apart, and the page starts at the oldest entry",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      await log.append(messages("a", 5))
      await log.trim?.()
      const { first } = await log.bounds()
      for (const sequence of [0, 4, 1_000_000]) {
        const after = formatPosition(createEpoch(), sequence)
        const { entries, lost } = await log.read({ after, limit: 2 })
        equal(dataOf(entries), ["a 3", "a 4"], "the page starts at the oldest entry")
        equal(lost, { reason: "epoch", to: first }, "it says why, and that reading goes on after `first`")
      }
      const { entries } = await log.read({ after: formatPosition(createEpoch(), 1), limit: 2, topics: ["b"] })
      equal(entries, [], "only the topics asked for are given")
    },
  },
  {
    name: "a position ahead of the newest is unknown, and the page is empty",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 2))
      const { last } = await log.bounds()
      const parsed = parsePosition(last)
      check(parsed !== undefined, "positions are written like every position")
      const page = await log.read({ after: formatPosition(parsed.epoch, parsed.sequence + 1000), limit: 10 })
      equal(
        page,
        { entries: [], next: last, lost: { reason: "unknown", to: last } },
        "it says so, and where the log ends",
      )
    },
  },
]
