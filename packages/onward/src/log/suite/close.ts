import type { Log } from "../log.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, messages } from "./case.ts"
import { check, equal, pause, readAll, rejects } from "./check.ts"

const rejectsEverything = async (log: Log, after: string): Promise<void> => {
  await rejects(log.append(messages("a", 1)), "log_closed", "append rejects")
  await rejects(log.append([]), "log_closed", "append without messages rejects")
  await rejects(log.read({ after, limit: 1 }), "log_closed", "read rejects")
  await rejects(log.bounds(), "log_closed", "bounds rejects")
  await rejects(log.locate({ last: 1 }), "log_closed", "locate rejects")
  await rejects(
    log.watch(() => {}),
    "log_closed",
    "watch rejects",
  )
  if (log.trim) await rejects(log.trim(), "log_closed", "trim rejects")
}

export const closeCases: readonly Case[] = [
  {
    name: "a closed log rejects every call with log_closed, and can be closed again",
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
    name: "calls are rejected at once while the log is closing",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { last } = await log.bounds()
      const closing = log.close()
      await rejectsEverything(log, last)
      await closing
    },
  },
  {
    name: "pending calls settle before `close` resolves",
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
      equal(before, calls.length, "every call has settled when `close` resolves, and none was rejected")
    },
  },
  {
    name: "a closed log calls no watcher",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      let wakes = 0
      await log.watch(() => void wakes++)
      await log.append(messages("a", 1))
      await log.close()
      const before = wakes
      await pause(20)
      equal(wakes, before, "there is no wake after `close`")
    },
  },
  {
    name: "a log that is opened again has every acknowledged message, and continues in the same epoch",
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
        "it has the same epoch and the same entries",
      )
      equal(dataOf(entries), ["0", "1", "2", "3", "4"], "in the same order")
      equal(await again.locate({ id: "id 3" }), positions[3], "locate finds ids")
      const { previous, positions: later } = await again.append([
        { topic: "a", data: "", idempotencyKey: "key 2" },
        ...messages("a", 1),
      ])
      equal(later[0], positions[2], "a repeated idempotency key is still a repeat")
      check(previous === positions[4] && (later[1] ?? "") > (positions[4] ?? ""), "positions continue")
      const page = await again.read({ after: positions[1] ?? "", limit: 2 })
      equal(
        { data: dataOf(page.entries), lost: page.lost },
        { data: ["2", "3"], lost: undefined },
        "a reader continues at its position",
      )
    },
  },
  {
    name: "closing one log does not affect another log on the same store",
    needs: ["sharing"],
    async run({ open }) {
      const [one, two] = [await open(KEEP_ALL), await open(KEEP_ALL)]
      await one.append(messages("a", 1))
      await one.close()
      await two.append(messages("a", 1, 2))
      equal(dataOf(await readAll(two)), ["a 1", "a 2"], "it continues")
    },
  },
]
