import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages, stoppedClock } from "./case.ts"
import { check, checkPositions, equal, readAll } from "./check.ts"

export const appendCases: readonly Case[] = [
  {
    name: "append gives each message a position, in ascending order",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const one = await log.append(messages("a", 3))
      const two = await log.append(messages("b", 2))
      equal([one.positions.length, two.positions.length], [3, 2], "each message has one position")
      checkPositions([...one.positions, ...two.positions], "positions ascend")
    },
  },
  {
    name: "read returns entries with all fields of their messages, and with position and time",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const given = [
        message("a", "plain"),
        message("b", "all", { event: "tick", id: "id 1", idempotencyKey: "key 1", retry: 1500 }),
        message("a", "some", { event: "", retry: 0 }),
      ]
      const { positions, time } = await log.append(given)
      const expected = given.map((message, i) => ({ ...message, position: positions[i], time }))
      equal(await readAll(log), expected, "an entry is the message with position and time, and no other fields")
    },
  },
  {
    name: "an append without messages stores nothing",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 1))
      const before = await log.bounds()
      const { positions, previous } = await log.append([])
      equal(positions, [], "there are no positions")
      equal(previous, before.last, "`previous` is the newest position")
      equal(await log.bounds(), before, "the bounds do not change")
    },
  },
  {
    name: "positions sort as strings, also where their number gets one more digit",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const positions: string[] = [(await log.bounds()).last]
      for (let i = 0; i < 14; i++) positions.push(...(await log.append(messages("a", 100))).positions)
      checkPositions(positions, "positions ascend in byte order")
    },
  },
  {
    name: "no position is assigned twice, even after all entries were removed",
    async run({ open }) {
      const log = await open({ retention: { count: 0 } })
      const positions: string[] = []
      for (let i = 0; i < 5; i++) {
        positions.push(...(await log.append(messages("a", 2))).positions)
        await log.trim?.()
      }
      checkPositions(positions, "positions ascend")
      check((await log.bounds()).last === positions.at(-1), "the newest position stays after its entry was removed")
    },
  },
  {
    name: "`previous` is the newest position before the entries of the call",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { last: start } = await log.bounds()
      const one = await log.append([message("a", "1", { id: "x" }), message("b", "2")])
      equal(one.previous, start, "at first it is the end of the empty log")
      const two = await log.append([message("a", "again", { id: "x" }), message("c", "3")])
      equal(
        two.previous,
        one.positions[1],
        "then it is the newest entry of any topic, also when the call begins with a repeat",
      )
      const none = await log.append([message("a", "again", { id: "x" })])
      equal(none.previous, two.positions[1], "when the call stores nothing, it is the newest position")
      equal(
        (await log.append(messages("a", 1))).previous,
        two.positions[1],
        "and it does not change until an entry is stored",
      )
    },
  },
  {
    name: "reading after `previous` returns exactly the entries of the call, if there are no other appends",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append(messages("a", 3))
      const { previous } = await log.append(messages("b", 3))
      equal(dataOf(await readAll(log, { after: previous })), ["b 1", "b 2", "b 3"], "no other entry is returned")
    },
  },
  {
    name: "entries have the time of their append",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(1_700_000_000_000)
      const log = await open({ ...KEEP_ALL, clock })
      const { time } = await log.append(messages("a", 2))
      set(1_700_000_001_234)
      await log.append(messages("a", 1))
      equal(time, 1_700_000_000_000, "append returns the time")
      const times = (await readAll(log)).map((entry) => entry.time)
      equal(times, [1_700_000_000_000, 1_700_000_000_000, 1_700_000_001_234], "entries have it")
    },
  },
  {
    name: "times of entries never decrease, even when the clock is set back",
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
      equal(given, [5000, 5000, 5000, 6000, 6000], "append never returns an earlier time than before")
      equal(
        (await readAll(log)).map((entry) => entry.time),
        given,
        "entries have the same times",
      )
    },
  },
]
