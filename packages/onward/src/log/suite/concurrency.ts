import type { Entry, Position, StoredMessage } from "../../message.ts"
import type { Appended, Log } from "../log.ts"
import type { Case, Setting } from "./case.ts"
import { dataOf, KEEP_ALL, message, randomFrom } from "./case.ts"
import { check, checkPositions, equal, readAll } from "./check.ts"

const CALLS = 100
const TOPICS = ["a", "b", "c"]

interface Call {
  readonly messages: readonly StoredMessage[]
  readonly appended: Appended
}

export const concurrencyCases: readonly Case[] = [
  {
    name: "readers who follow many appends at once see every entry once and in order",
    run: (setting) => followed(setting, 1),
  },
  {
    name: "readers who follow appends of several logs on one store see every entry once and in order",
    needs: ["sharing"],
    run: (setting) => followed(setting, 3),
  },
]

async function followed({ open, seed }: Setting, handles: number): Promise<void> {
  const random = randomFrom(seed)
  const logs: Log[] = []
  for (let i = 0; i < handles; i++) logs.push(await open(KEEP_ALL))
  const logOf = (i: number): Log => logs[i % handles] as Log

  const { last: start } = await logOf(0).bounds()
  let isOver = false
  const finished = (): boolean => isOver
  const readers = [
    follow(logOf(0), start, { limit: 1000 }, finished),
    follow(logOf(1), start, { limit: 3 }, finished),
    follow(logOf(2), start, { limit: 5, topics: ["a", "c"] }, finished),
  ]
  const calls = await Promise.all(
    Array.from({ length: CALLS }, async (_, i): Promise<Call> => {
      const log = logOf(i)
      const messages = Array.from({ length: 1 + Math.floor(random() * 12) }, (_, j) =>
        message(TOPICS[Math.floor(random() * TOPICS.length)] as string, `${i}/${j}`),
      )
      const startsAt = random() * 60
      await new Promise((resolve) => void setTimeout(resolve, startsAt))
      const appended = await log.append(messages)
      const page = await logOf(i + 1).read({ after: appended.previous, limit: messages.length })
      const given = messages.map(({ data }) => data)
      equal(
        dataOf(page.entries),
        given,
        "once an append has resolved, every log on the store shows its entries after `previous`",
      )
      return { messages, appended }
    }),
  )
  isOver = true

  const all = await readAll(logOf(0), { after: start })
  checkCalls(calls, all, start)
  const [wide, narrow, filtered] = await Promise.all(readers)
  equal(dataOf(wide ?? []), dataOf(all), "a reader of large pages sees all")
  equal(dataOf(narrow ?? []), dataOf(all), "a reader of small pages sees all")
  equal(
    dataOf(filtered ?? []),
    dataOf(all.filter(({ topic }) => topic !== "b")),
    "a reader of two topics sees all of them",
  )
}

/** Every call's entries lie together, in order, right after its `previous`. */
function checkCalls(calls: readonly Call[], all: readonly Entry[], start: Position): void {
  equal(all.length, calls.flatMap(({ messages }) => messages).length, "everything acknowledged is kept, nothing else")
  const placeOf = new Map(all.map((entry, place) => [entry.position, place]))
  for (const { messages, appended } of calls) {
    checkPositions(appended.positions, "a call's positions rise")
    const place = placeOf.get(appended.positions[0] ?? "")
    check(place !== undefined, "the position an append gave is that of an entry")
    const entries = all.slice(place, place + messages.length)
    equal(
      dataOf(entries),
      messages.map(({ data }) => data),
      "a call's entries stay together and in order",
    )
    equal(
      entries.map(({ position }) => position),
      appended.positions,
      "their positions are the ones it was given",
    )
    equal(appended.previous, all[place - 1]?.position ?? start, "`previous` is the entry before them")
    equal(new Set(entries.map(({ time }) => time)), new Set([appended.time]), "their time is the one it was given")
  }
  const times = all.map(({ time }) => time)
  equal(
    times,
    [...times].sort((a, b) => a - b),
    "times never fall",
  )
}

/** Reads on whenever woken, until it stands at the end of what was appended when `finished`. */
async function follow(
  log: Log,
  start: Position,
  query: { limit: number; topics?: readonly string[] },
  finished: () => boolean,
): Promise<Entry[]> {
  const seen: Entry[] = []
  let at = start
  let wake = (): void => {}
  let woken = new Promise<void>((resolve) => (wake = resolve))
  const stop = await log.watch(() => wake())
  for (;;) {
    const wasFinished = finished()
    const { last } = await log.bounds()
    const { entries, next, lost } = await log.read({ after: at, ...query })
    check(lost === undefined, "nothing is lost while nothing is removed")
    checkPositions([at, ...entries.map(({ position }) => position)], "entries come after those already read")
    seen.push(...entries)
    const hasMore = next !== at
    at = next
    if (hasMore) continue
    if (wasFinished && at >= last) break
    await Promise.race([woken, new Promise((resolve) => void setTimeout(resolve, 50))])
    woken = new Promise<void>((resolve) => (wake = resolve))
  }
  await stop()
  return seen
}
