import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages } from "./case.ts"
import { check, equal, readAll } from "./check.ts"

const oddTexts = [
  "",
  " ",
  "line\nline",
  "line\r\nline\rline\n",
  "nul\u0000inside",
  "\u0000",
  "\ufeffmark",
  "emoji 👩‍👩‍👧‍👦 and 𝒳",
  "é e\u0301 — ｆｕｌｌ",
  "' \" ` \\ \\n % _ ; --",
  "null",
  "0123",
  "1e3",
  "0x10",
  '{"a":1}',
  "\u2028\u2029\u0085",
]

const oddTopics = [
  "it's",
  "It's",
  "its",
  "a%",
  "a_",
  "ab",
  "1",
  "01",
  "1.0",
  "é",
  "e\u0301",
  "тема",
  "話題",
  "a b",
  "a/b",
  "a.b",
  "a:b",
  "a>",
  "\u{1f600}",
]

export const contentCases: readonly Case[] = [
  {
    name: "read returns any text unchanged",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(oddTexts.map((data) => message("a", data)))
      equal(dataOf(await readAll(log)), oddTexts, "in data")
      await log.append(
        oddTexts.map((text, i) => message("b", String(i), { id: text, idempotencyKey: text, event: text })),
      )
      const expected = oddTexts.map((text) => [text, text, text])
      const entries = await readAll(log, { topics: ["b"] })
      equal(
        entries.map(({ id, idempotencyKey: key, event }) => [id, key, event]),
        expected,
        "in id, idempotency key and event",
      )
      for (const [i, text] of oddTexts.entries())
        equal(await log.locate({ id: text }), entries[i]?.position, "locate finds the id")
    },
  },
  {
    name: "half of a surrogate pair is read unchanged or as U+FFFD",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const texts = ["\ud83d", "a\ude00b", "\ude00\ud83d"]
      await log.append([...texts.map((data) => message("a", data)), message("a", "next")])
      const data = dataOf(await readAll(log)).map((text) => text.toWellFormed())
      equal(
        data,
        [...texts, "next"].map((text) => text.toWellFormed()),
        "because UTF-8 encodes both as U+FFFD",
      )
    },
  },
  {
    name: "topics that look alike are different topics",
    async run({ open }) {
      const log = await open({ retention: { topic: { count: 1 } } })
      await log.append(oddTopics.map((topic) => message(topic, topic)))
      await log.trim?.()
      for (const topic of oddTopics)
        equal(dataOf(await readAll(log, { topics: [topic] })), [topic], `${topic} has its own entry`)
      equal(dataOf(await readAll(log, { topics: oddTopics })), oddTopics, "read together, they are in order")
      equal(dataOf(await readAll(log)), oddTopics, "limits of topics apply to each")
    },
  },
  {
    name: "topics of the maximum length are stored and read",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const [one, two] = ["é".repeat(511) + "aa", "é".repeat(511) + "ab"]
      await log.append([message(one, "1"), message(two, "2")])
      equal(dataOf(await readAll(log, { topics: [one] })), ["1"], "the first has its own entry")
      equal(dataOf(await readAll(log, { topics: [two] })), ["2"], "the second, with another last character, too")
    },
  },
  {
    name: "entries of one megabyte are stored and read",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const large = "é\n123456".repeat(131_072)
      await log.append([message("a", large), message("a", "small"), message("b", large)])
      const entries = await readAll(log)
      check(entries.length === 3, "all entries are kept")
      check(entries[0]?.data === large && entries[2]?.data === large, "large entries are read unchanged")
      equal(entries[1]?.data, "small", "and so is the small one between them")
    },
  },
  {
    name: "one append of thousands of messages is stored and read",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 5000))
      const data = dataOf(await readAll(log, { limit: 1000 }))
      equal([data.length, data[0], data[4999]], [5000, "a 1", "a 5000"], "all entries are kept, in order")
    },
  },
  {
    name: "read returns `retry` as the same number",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const given = [0, 1, 86_400_000, Number.MAX_SAFE_INTEGER]
      await log.append(given.map((retry) => message("a", "", { retry })))
      equal(
        (await readAll(log)).map((entry) => entry.retry),
        given,
        "each value is unchanged",
      )
    },
  },
]
