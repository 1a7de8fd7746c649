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
    name: "readers who follow many appends at once see every entry once and in order",
    run: (setting) => followed(setting, 1),
  },
  {
    name: "readers who follow appends of several logs on one store see every entry once and in order",
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
      const rule = "once an append has resolved, every log on the store shows its entries after `previous`"
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
  equal(dataOf(wide), dataOf(all), "a reader of large pages sees all")
  equal(dataOf(narrow), dataOf(all), "a reader of small pages sees all")
  equal(dataOf(filtered), dataOf(all.filter(({ topic }) => topic !== "b")), "a reader of two topics sees all of them")
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

/** Reads on whenever woken, until it stands at the end of all that was appended. */
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
    () => (goal.last = ""), // told by who appends
  )
  while (goal.last === undefined || at < goal.last) {
    const woken = new Promise<void>((resolve) => (wake = resolve))
    const { entries, next, lost } = await log.read({ after: at, ...query })
    check(lost === undefined, "nothing is lost while nothing is removed")
    checkPositions([at, ...entries.map(({ position }) => position)], "entries come after those already read")
    seen.push(...entries)
    check(Date.now() < deadline, `who reads on whenever woken comes to the end, within ${wakeTimeout} ms`)
    // once all is appended, no more wakes need to come
    if (next === at) await Promise.race([woken, end.then(() => pause(5))])
    at = next
  }
  await stop()
  return seen
}
