import { createEpoch, formatPosition, parsePosition } from "../driver/position.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages } from "./case.ts"
import { check, equal, readAll } from "./check.ts"

export const readCases: readonly Case[] = [
  {
    name: "an empty log has equal bounds, and a read returns no entries",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { first, last } = await log.bounds()
      equal(first, last, "first is last")
      const page = await log.read({ after: first, limit: 10 })
      equal(page, { entries: [], next: last }, "the page is empty, `next` is the end, and there is no loss")
    },
  },
  {
    name: "consecutive pages have no gap and no overlap",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 25))
      const expected = dataOf(await readAll(log))
      equal(expected, dataOf(await readAll(log, { limit: 1 })), "pages of one entry return the same")
      equal(expected, dataOf(await readAll(log, { limit: 7 })), "pages of seven entries return the same")
      equal(expected.length, 25, "all entries are returned")
    },
  },
  {
    name: "a full page ends at its last entry",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { positions, previous } = await log.append(messages("a", 10))
      const { entries, next } = await log.read({ after: previous, limit: 4 })
      equal(dataOf(entries), ["a 1", "a 2", "a 3", "a 4"], "the page has the oldest entries")
      equal(next, positions[3], "`next` is the last of them")
    },
  },
  {
    name: "a read continues after any entry, and returns nothing after the newest",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { positions } = await log.append(messages("a", 12))
      const all = dataOf(await readAll(log))
      for (const [i, position] of positions.entries()) {
        equal(dataOf(await readAll(log, { after: position })), all.slice(i + 1), `later entries follow entry ${i + 1}`)
      }
      const page = await log.read({ after: positions.at(-1) as string, limit: 5 })
      equal(page, { entries: [], next: positions.at(-1) }, "the page is empty, and there is no loss")
    },
  },
  {
    name: "a read by topic returns the entries of exactly these topics, in the order of the log",
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
      equal(await readAll(log, { topics: ["t"] }), [], "a topic without entries returns nothing")
      equal(await readAll(log, { topics: [] }), [], "an empty list of topics returns nothing")
      check(
        (await log.read({ after: first, topics: ["t1"], limit: 1 })).next < last,
        "`next` of a full page is not the end",
      )
    },
  },
  {
    name: "`next` advances on a page without entries",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append([...messages("a", 1), ...messages("b", 50)])
      const { last } = await log.bounds()
      const [only] = await readAll(log, { topics: ["a"] })
      let at = only?.position ?? ""
      for (let pages = 0; at !== last; pages++) {
        check(pages < 100, "reading on from `next` reaches the end")
        const { entries, next } = await log.read({ after: at, topics: ["a"], limit: 1 })
        equal(entries, [], "the topic has no further entries")
        check(next > at, "`next` advances while there are entries on other topics")
        at = next
      }
    },
  },
  {
    name: "a read of many topics returns the entries of each",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const topics = Array.from({ length: 300 }, (_, i) => `user/${i}`)
      await log.append(topics.map((topic, i) => message(topic, String(i))))
      await log.append(topics.map((topic, i) => message(topic, String(300 + i))))
      const asked = topics.filter((_, i) => i % 2 === 0)
      const expected = Array.from({ length: 300 }, (_, i) => String(i * 2))
      equal(dataOf(await readAll(log, { topics: asked, limit: 64 })), expected, "all entries are returned, in order")
    },
  },
  {
    name: "a read after a position of another epoch reports it and starts at the oldest entry",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      await log.append(messages("a", 5))
      await log.trim?.()
      const { first } = await log.bounds()
      for (const sequence of [0, 4, 1_000_000]) {
        const after = formatPosition(createEpoch(), sequence)
        const { entries, lost } = await log.read({ after, limit: 2 })
        equal(dataOf(entries), ["a 3", "a 4"], "the page starts at the oldest entry")
        equal(lost, { reason: "epoch", to: first }, "the loss has the reason `epoch`, and `to` is `first`")
      }
      const { entries } = await log.read({ after: formatPosition(createEpoch(), 1), limit: 2, topics: ["b"] })
      equal(entries, [], "only entries of the requested topics are returned")
    },
  },
  {
    name: "a read after a position newer than the newest reports it as unknown and returns an empty page",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 2))
      const { last } = await log.bounds()
      const parsed = parsePosition(last)
      check(parsed !== undefined, "the position has the syntax of a position")
      const page = await log.read({ after: formatPosition(parsed.epoch, parsed.sequence + 1000), limit: 10 })
      equal(
        page,
        { entries: [], next: last, lost: { reason: "unknown", to: last } },
        "the loss has the reason `unknown`, and `to` is the end",
      )
    },
  },
]
