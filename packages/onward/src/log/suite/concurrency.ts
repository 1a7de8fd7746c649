import type { Entry, Position, StoredMessage } from "../../message.ts"
import type { Appended, Log } from "../log.ts"
import type { Case, Setting } from "./case.ts"
import { seededRandom } from "../../seeded-random.ts"
import { dataOf, KEEP_ALL, message } from "./case.ts"
import { check, checkPositions, equal, pause, readAll } from "./check.ts"

const CALLS = 100
const TOPICS = ["a", "b", "c"]

interface Call {
  readonly messages: readonly StoredMessage[]
  readonly appended: Appended
}

export const concurrencyCases: readonly Case[] = [
  {
    name: "readers that follow many concurrent appends receive every entry once and in order",
    run: (setting) => followed(setting, 1),
  },
  {
    name: "readers that follow the appends of several logs on one store receive every entry once and in order",
    needs: ["sharing"],
    run: (setting) => followed(setting, 3),
  },
]

async function followed({ open, seed, wakeTimeout }: Setting, handles: number): Promise<void> {
  const random = seededRandom(seed)
  const logs: Log[] = []
  for (let i = 0; i < handles; i++) logs.push(await open(KEEP_ALL))
  const logOf = (i: number): Log => logs[i % handles] as Log

  const { last: start } = await logOf(0).bounds()
  const appending = Promise.all(
    Array.from({ length: CALLS }, async (_, i): Promise<Call> => {
      const log = logOf(i)
      const messages = Array.from({ length: 1 + Math.floor(random() * 12) }, (_, j) =>
        message(TOPICS[Math.floor(random() * TOPICS.length)] as string, `${i}/${j}`),
      )
      const startsAt = random() * 60
      await new Promise((resolve) => void setTimeout(resolve, startsAt))
      const appended = await log.append(messages)
      const after = await readAll(logOf(i + 1), { after: appended.previous })
      const rule = "when an append has resolved, every log on the store returns its entries after `previous`"
      equal(dataOf(after).slice(0, messages.length), dataOf(messages), rule)
      return { messages, appended }
    }),
  )
  const [calls, wide, narrow, filtered] = await Promise.all([
    appending,
    follow(logOf(0), start, { limit: 1000 }, appending, wakeTimeout),
    follow(logOf(1), start, { limit: 3 }, appending, wakeTimeout),
    follow(logOf(2), start, { limit: 5, topics: ["a", "c"] }, appending, wakeTimeout),
  ])
  const all = await readAll(logOf(0), { after: start })
  checkCalls(calls, all, start)
  equal(dataOf(wide), dataOf(all), "a reader of large pages receives all entries")
  equal(dataOf(narrow), dataOf(all), "a reader of small pages receives all entries")
  equal(
    dataOf(filtered),
    dataOf(all.filter(({ topic }) => topic !== "b")),
    "a reader of two topics receives all entries of both",
  )
}

/** The entries of every call are adjacent, in order, and directly after its `previous`. */
function checkCalls(calls: readonly Call[], all: readonly Entry[], start: Position): void {
  equal(
    all.length,
    calls.flatMap(({ messages }) => messages).length,
    "the log has all acknowledged messages and no others",
  )
  const indexOf = new Map(all.map((entry, index) => [entry.position, index]))
  for (const { messages, appended } of calls) {
    checkPositions(appended.positions, "the positions of a call ascend")
    const index = indexOf.get(appended.positions[0] ?? "")
    check(index !== undefined, "an entry has the position that append returned")
    const entries = all.slice(index, index + messages.length)
    equal(
      dataOf(entries),
      messages.map(({ data }) => data),
      "the entries of a call are adjacent and in order",
    )
    equal(
      entries.map(({ position }) => position),
      appended.positions,
      "their positions are those that append returned",
    )
    equal(appended.previous, all[index - 1]?.position ?? start, "`previous` is the entry before them")
    equal(
      new Set(entries.map(({ time }) => time)),
      new Set([appended.time]),
      "their time is the one that append returned",
    )
  }
  const times = all.map(({ time }) => time)
  equal(
    times,
    [...times].sort((a, b) => a - b),
    "times never decrease",
  )
}

/** Reads after each wake, until it has reached the end of all appends. */
async function follow(
  log: Log,
  start: Position,
  query: { limit: number; topics?: readonly string[] },
  appending: Promise<unknown>,
  wakeTimeout: number,
): Promise<Entry[]> {
  const seen: Entry[] = []
  let at = start
  let wake = (): void => {}
  const stop = await log.watch(() => wake())
  let deadline = Infinity
  const end = appending.then(async () => {
    deadline = Date.now() + wakeTimeout
    const { last } = await log.bounds()
    wake()
    return last
  })
  const goal: { last?: Position } = {}
  end.then(
    (position) => (goal.last = position),
    () => (goal.last = ""), // the caller awaits `appending` and reports the error
  )
  while (goal.last === undefined || at < goal.last) {
    const woken = new Promise<void>((resolve) => (wake = resolve))
    const { entries, next, lost } = await log.read({ after: at, ...query })
    check(lost === undefined, "there is no loss while nothing is removed")
    checkPositions([at, ...entries.map(({ position }) => position)], "entries follow those already read")
    seen.push(...entries)
    check(Date.now() < deadline, `a reader that reads after each wake reaches the end, within ${wakeTimeout} ms`)
    // after the last append, no further wake is required
    if (next === at) await Promise.race([woken, end.then(() => pause(5))])
    at = next
  }
  await stop()
  return seen
}
