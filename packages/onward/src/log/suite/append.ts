import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages, stoppedClock } from "./case.ts"
import { check, checkPositions, equal, readAll } from "./check.ts"

export const appendCases: readonly Case[] = [
  {
    name: "append gives each message a position, rising in the order given",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const one = await log.append(messages("a", 3))
      const two = await log.append(messages("b", 2))
      equal([one.positions.length, two.positions.length], [3, 2], "there is one position a message")
      checkPositions([...one.positions, ...two.positions], "positions rise")
    },
  },
  {
    name: "what was appended is read back complete, with its position and time",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const given = [
        message("a", "plain"),
        message("b", "all", { event: "tick", id: "id 1", idempotencyKey: "key 1", retry: 1500 }),
        message("a", "some", { event: "", retry: 0 }),
      ]
      const { positions, time } = await log.append(given)
      const expected = given.map((message, i) => ({ ...message, position: positions[i], time }))
      equal(await readAll(log), expected, "entries are the messages with position and time, and no other fields")
    },
  },
  {
    name: "appending nothing stores nothing",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 1))
      const before = await log.bounds()
      const { positions, previous } = await log.append([])
      equal(positions, [], "there are no positions")
      equal(previous, before.last, "`previous` is the newest position")
      equal(await log.bounds(), before, "the log is as before")
    },
  },
  {
    name: "positions compare as strings, also where their number gets a digit more",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const positions: string[] = [(await log.bounds()).last]
      for (let i = 0; i < 14; i++) positions.push(...(await log.append(messages("a", 100))).positions)
      checkPositions(positions, "positions rise in byte order")
    },
  },
  {
    name: "positions are never given twice, even when all entries are removed",
    async run({ open }) {
      const log = await open({ retention: { count: 0 } })
      const positions: string[] = []
      for (let i = 0; i < 5; i++) {
        positions.push(...(await log.append(messages("a", 2))).positions)
        await log.trim?.()
      }
      checkPositions(positions, "positions rise")
      check((await log.bounds()).last === positions.at(-1), "the newest position outlives its entry")
    },
  },
  {
    name: "previous is the newest position before what the call stored",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { last: start } = await log.bounds()
      const one = await log.append([message("a", "1", { id: "x" }), message("b", "2")])
      equal(one.previous, start, "at first it is where the empty log stood")
      const two = await log.append([message("a", "again", { id: "x" }), message("c", "3")])
      equal(
        two.previous,
        one.positions[1],
        "then it is the newest entry, whatever its topic, also behind a repeated message",
      )
      const none = await log.append([message("a", "again", { id: "x" })])
      equal(none.previous, two.positions[1], "when nothing is stored it is the newest position")
      equal(
        (await log.append(messages("a", 1))).previous,
        two.positions[1],
        "and so it stays until something is stored",
      )
    },
  },
  {
    name: "reading after previous gives exactly what the call stored, while nobody else appends",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 3))
      const { previous } = await log.append(messages("b", 3))
      equal(dataOf(await readAll(log, { after: previous })), ["b 1", "b 2", "b 3"], "there is nothing in between")
    },
  },
  {
    name: "entries get the time of their append",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(1_700_000_000_000)
      const log = await open({ ...KEEP_ALL, clock })
      const { time } = await log.append(messages("a", 2))
      set(1_700_000_001_234)
      await log.append(messages("a", 1))
      equal(time, 1_700_000_000_000, "append tells the time")
      const times = (await readAll(log)).map((entry) => entry.time)
      equal(times, [1_700_000_000_000, 1_700_000_000_000, 1_700_000_001_234], "entries hold it")
    },
  },
  {
    name: "time never runs backwards, even when the clock does",
    needs: ["clock"],
    async run({ open }) {
      const times = [5000, 3000, 4999, 6000, 1]
      const { clock, set } = stoppedClock(0)
      const log = await open({ ...KEEP_ALL, clock })
      const given: number[] = []
      for (const time of times) {
        set(time)
        given.push((await log.append(messages("a", 1))).time)
      }
      equal(given, [5000, 5000, 5000, 6000, 6000], "append never tells an earlier time than before")
      equal(
        (await readAll(log)).map((entry) => entry.time),
        given,
        "entries hold the same times",
      )
    },
  },
]
