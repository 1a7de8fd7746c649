import type { Log } from "../log.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, messages } from "./case.ts"
import { check, equal, pause, readAll, rejects } from "./check.ts"

const rejectsEverything = async (log: Log, after: string): Promise<void> => {
  await rejects(log.append(messages("a", 1)), "log_closed", "append is refused")
  await rejects(log.append([]), "log_closed", "appending nothing is refused")
  await rejects(log.read({ after, limit: 1 }), "log_closed", "read is refused")
  await rejects(log.bounds(), "log_closed", "bounds is refused")
  await rejects(log.locate({ last: 1 }), "log_closed", "locate is refused")
  await rejects(
    log.watch(() => {}),
    "log_closed",
    "watch is refused",
  )
  if (log.trim) await rejects(log.trim(), "log_closed", "trim is refused")
}

export const closeCases: readonly Case[] = [
  {
    name: "a closed log refuses every call with log_closed, and closing again is fine",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { positions } = await log.append(messages("a", 1))
      const stop = await log.watch(() => {})
      await log.close()
      await rejectsEverything(log, positions[0] ?? "")
      await log.close()
      await Promise.all([log.close(), log.close()])
      await stop()
    },
  },
  {
    name: "calls refuse at once while the log is closing",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { last } = await log.bounds()
      const closing = log.close()
      await rejectsEverything(log, last)
      await closing
    },
  },
  {
    name: "calls under way settle before close does",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { last } = await log.bounds()
      let settled = 0
      const calls = [
        ...Array.from({ length: 10 }, (_, i) => log.append(messages("a", 50, i * 50))),
        log.read({ after: last, limit: 10 }),
        log.bounds(),
        log.locate({ last: 1 }),
      ]
      const outcomes = Promise.all(calls.map((call) => call.finally(() => (settled += 1))))
      const [, before] = await Promise.all([outcomes, log.close().then(() => settled)])
      equal(before, calls.length, "every call has settled when close has, none was refused")
    },
  },
  {
    name: "a closed log wakes nobody",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      let wakes = 0
      await log.watch(() => void wakes++)
      await log.append(messages("a", 1))
      await log.close()
      const before = wakes
      await pause(20)
      equal(wakes, before, "no wake comes after close")
    },
  },
  {
    name: "a log opened again holds everything that was acknowledged, and goes on from there",
    needs: ["sharing"],
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const calls = Array.from({ length: 5 }, (_, i) =>
        log.append([{ topic: "a", data: String(i), id: `id ${i}`, idempotencyKey: `key ${i}` }]),
      )
      await log.close()
      const positions = (await Promise.all(calls)).map((appended) => appended.positions[0] ?? "")
      const again = await open(KEEP_ALL)
      const entries = await readAll(again)
      equal(
        entries.map((entry) => entry.position),
        positions,
        "it is the same life of the log, with the same entries",
      )
      equal(dataOf(entries), ["0", "1", "2", "3", "4"], "in the same order")
      equal(await again.locate({ id: "id 3" }), positions[3], "ids are found")
      const { previous, positions: later } = await again.append([
        { topic: "a", data: "", idempotencyKey: "key 2" },
        ...messages("a", 1),
      ])
      equal(later[0], positions[2], "keys still count")
      check(previous === positions[4] && (later[1] ?? "") > (positions[4] ?? ""), "positions go on")
      const page = await again.read({ after: positions[1] ?? "", limit: 2 })
      equal(
        { data: dataOf(page.entries), lost: page.lost },
        { data: ["2", "3"], lost: undefined },
        "a reader carries on",
      )
    },
  },
  {
    name: "closing one log leaves another on the same store alone",
    needs: ["sharing"],
    async run({ open }) {
      const [one, two] = [await open(KEEP_ALL), await open(KEEP_ALL)]
      await one.append(messages("a", 1))
      await one.close()
      await two.append(messages("a", 1, 2))
      equal(dataOf(await readAll(two)), ["a 1", "a 2"], "it goes on")
    },
  },
]
