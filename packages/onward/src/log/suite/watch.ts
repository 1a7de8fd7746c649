import type { Log } from "../log.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, messages } from "./case.ts"
import { check, equal, eventually, pause, readAll } from "./check.ts"

/** Watches and counts the wakes. */
async function counted(log: Log): Promise<{ count: number; stop: () => Promise<void> }> {
  const counter = { count: 0, stop: async (): Promise<void> => {} }
  counter.stop = await log.watch(() => void counter.count++)
  return counter
}

export const watchCases: readonly Case[] = [
  {
    name: "a watcher is called after every append, and the appended entries can then be read",
    async run({ open, wakeTimeout }) {
      const log = await open(KEEP_ALL)
      const { first: after } = await log.bounds()
      const reads: Promise<void>[] = []
      let seen = 0
      await log.watch(() => {
        reads.push(
          log.read({ after, limit: 10 }).then(({ entries }) => {
            seen = Math.max(seen, entries.length)
          }),
        )
      })
      for (let i = 1; i <= 5; i++) {
        await log.append(messages("a", 1, i))
        await eventually(() => seen === i, wakeTimeout, `append ${i} wakes the watcher`)
      }
      await Promise.all(reads)
    },
  },
  {
    name: "a wake has no position, or one up to which all entries can be read",
    async run({ open, wakeTimeout }) {
      const log = await open(KEEP_ALL)
      const named: (string | undefined)[] = []
      await log.watch((newest) => void named.push(newest))
      for (let i = 1; i <= 5; i++) {
        named.length = 0
        const { positions } = await log.append(messages("a", 3, i))
        const isEnough = (newest: string | undefined): boolean => newest === undefined || newest >= (positions[2] ?? "")
        await eventually(
          () => named.some(isEnough),
          wakeTimeout,
          `a wake after append ${i} has no position or at least the newest of the append`,
        )
      }
      const { last } = await log.bounds()
      check(
        named.every((newest) => newest === undefined || newest <= last),
        "no wake has a position that cannot be read yet",
      )
    },
  },
  {
    name: "every watcher is called, and a stopped one is not called again",
    async run({ open, wakeTimeout }) {
      const log = await open(KEEP_ALL)
      const [one, two] = [await counted(log), await counted(log)]
      await log.append(messages("a", 1))
      await eventually(() => one.count > 0 && two.count > 0, wakeTimeout, "both are called")
      await one.stop()
      const before = one.count
      two.count = 0
      await log.append(messages("a", 1))
      await eventually(() => two.count > 0, wakeTimeout, "the other is still called")
      await pause(20)
      equal(one.count, before, "the stopped one is not called")
      await one.stop()
      await log.append(messages("a", 1))
    },
  },
  {
    name: "the same function can watch twice, and each watch stops separately",
    async run({ open, wakeTimeout }) {
      const log = await open(KEEP_ALL)
      let count = 0
      const wake = (): void => void count++
      const [stop] = [await log.watch(wake), await log.watch(wake)]
      await stop()
      await log.append(messages("a", 1))
      await eventually(() => count > 0, wakeTimeout, "the remaining watch is called")
    },
  },
  {
    name: "a watcher is called after appends of another log on the same store",
    needs: ["sharing"],
    async run({ open, wakeTimeout }) {
      const [here, there] = [await open(KEEP_ALL), await open(KEEP_ALL)]
      const watcher = await counted(here)
      for (let i = 1; i <= 3; i++) {
        watcher.count = 0
        await there.append(messages("a", 1, i))
        await eventually(() => watcher.count > 0, wakeTimeout, `append ${i} of one log calls the watcher of the other`)
        equal((await readAll(here)).length, i, "the other log reads the appended entries")
      }
    },
  },
  {
    name: "a reader that reads after each wake receives every entry once and in order",
    async run({ open, wakeTimeout }) {
      const log = await open(KEEP_ALL)
      const { last: start } = await log.bounds()
      const seen: string[] = []
      let at = start
      let reading = Promise.resolve()
      const readOn = async (): Promise<void> => {
        const entries = await readAll(log, { after: at, limit: 7 })
        at = entries.at(-1)?.position ?? at
        seen.push(...dataOf(entries))
      }
      const stop = await log.watch(() => {
        reading = reading.then(readOn)
        reading.catch(() => {}) // it is awaited below
      })
      const expected: string[] = []
      for (let i = 0; i < 40; i++) {
        const batch = messages("a", 1 + (i % 5), i * 10)
        expected.push(...batch.map(({ data }) => data))
        await log.append(batch)
      }
      await eventually(() => seen.length >= expected.length, wakeTimeout, "a wake follows the last append")
      await stop()
      await reading
      equal(seen, expected, "no entry is missing, repeated or out of order")
      check(at === (await log.bounds()).last, "the reader is at the end")
    },
  },
]
