import type { Position } from "../../message.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import type { ForgetQuery, Log, Loss } from "../log.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages } from "./case.ts"
import { check, equal, readAll } from "./check.ts"

const needs = ["forget"] as const

function forget(log: Log, query: ForgetQuery): Promise<number> {
  check(log.forget !== undefined, "the log has the method `forget`, or `lacks` says why not")
  return log.forget(query)
}

const lossAfter = async (log: Log, after: Position, topics?: readonly string[]): Promise<Loss | undefined> =>
  (await log.read({ after, limit: 10, ...(topics && { topics }) })).lost

const trimmed = (marks: Readonly<Record<string, Position | undefined>>): Loss => {
  const topics = new Map(Object.entries(marks).map(([topic, position]) => [topic, position ?? ""]))
  return { reason: "trimmed", to: [...topics.values()].sort().at(-1) ?? "", topics }
}

export const forgetCases: readonly Case[] = [
  {
    name: "a topic that is forgotten has no entries, and its readers are told",
    needs,
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { first } = await log.bounds()
      const { positions } = await log.append(["a", "b", "a", "c", "a", "b"].map((topic, i) => message(topic, `${i}`)))
      const { last } = await log.bounds()
      equal(await forget(log, { topics: ["a"], upTo: last }), 3, "it tells how many it removed")
      equal(dataOf(await readAll(log)), ["1", "3", "5"], "the others are left")
      equal(await readAll(log, { topics: ["a"] }), [], "also when read by topic")
      equal(await lossAfter(log, first, ["a"]), trimmed({ a: positions[4] }), "a reader of the topic is told")
      equal(await lossAfter(log, first, ["b", "c"]), undefined, "a reader of others is not")
      equal(await lossAfter(log, positions[3] ?? ""), trimmed({ a: positions[4] }), "a reader of everything is told")
      equal(await lossAfter(log, positions[4] ?? "", ["a"]), undefined, "a reader that had them is not")
      equal((await log.bounds()).last, last, "the log ends where it ended")
      const { previous } = await log.append(messages("a", 1))
      equal(previous, last, "and goes on there")
      equal(dataOf(await readAll(log, { topics: ["a"] })), ["a 1"], "the topic can be published to again")
    },
  },
  {
    name: "only what lies up to a position is forgotten",
    needs,
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { first, last: empty } = await log.bounds()
      const { positions } = await log.append([...messages("a", 4), ...messages("b", 4)])
      equal(await forget(log, { topics: ["a", "b", "a"], upTo: positions[1] ?? "" }), 2, "of one topic")
      equal(dataOf(await readAll(log)), ["a 3", "a 4", "b 1", "b 2", "b 3", "b 4"], "what comes after it is left")
      equal(await forget(log, { upTo: positions[4] ?? "" }), 3, "of all topics")
      equal(dataOf(await readAll(log)), ["b 2", "b 3", "b 4"], "the same")
      equal(await lossAfter(log, first), trimmed({ a: positions[3], b: positions[4] }), "each topic tells its newest")
      equal((await log.bounds()).first, positions[4], "the log begins at what is left")
      equal(await forget(log, { upTo: positions[4] ?? "" }), 0, "twice is as good as once")
      for (const upTo of [empty, first, "", "x", ahead(positions[7] ?? ""), other(positions[7] ?? "")]) {
        equal(await forget(log, { upTo }), 0, `nothing is removed up to ${upTo}`)
        equal(await forget(log, { topics: ["b", "none"], upTo }), 0, `nor of a topic`)
      }
      equal((await readAll(log)).length, 3, "all of it is left")
    },
  },
  {
    name: "ids and idempotency keys of forgotten entries are free again",
    needs,
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const same = [
        message("a", "1", { id: "one" }),
        message("a", "2", { idempotencyKey: "two" }),
        message("b", "3", { id: "one", idempotencyKey: "two" }),
      ]
      const { positions } = await log.append(same)
      await forget(log, { topics: ["a"], upTo: positions[2] ?? "" })
      equal(await log.locate({ id: "one", topics: ["a"] }), undefined, "the id is not found")
      equal(await log.locate({ id: "one" }), positions[2], "that of another topic is")
      const again = await log.append(same)
      check((again.positions[0] ?? "") > (positions[2] ?? ""), "the id is stored again")
      check((again.positions[1] ?? "") > (positions[2] ?? ""), "the key is stored again")
      equal(again.positions[2], positions[2], "that of another topic is a repeat")
      equal(dataOf(await readAll(log, { topics: ["a"] })), ["1", "2"], "both can be read")
    },
  },
  {
    name: "thousands of entries are forgotten by one call, also when others append",
    needs,
    async run({ open }) {
      const log = await open(KEEP_ALL)
      for (let i = 0; i < 3; i++) {
        await log.append(Array.from({ length: 1000 }, (_, j) => message(j % 4 === 0 ? "b" : "a", `${i * 1000 + j}`)))
      }
      const { last } = await log.bounds()
      const [removed] = await Promise.all([
        forget(log, { topics: ["a"], upTo: last }),
        log.append(messages("a", 2)),
        log.append(messages("b", 1)),
      ])
      equal(removed, 2250, "all of them")
      const left = await readAll(log, { limit: 1000 })
      equal(left.length, 753, "and no others")
      equal(dataOf(left.filter(({ topic }) => topic === "a")), ["a 1", "a 2"], "what came after the position is left")
      equal(await forget(log, { upTo: last }), 750, "the rest by position")
      equal((await readAll(log)).length, 3, "what came after it is left")
    },
  },
  {
    name: "what was forgotten is gone in every process, and when the log is opened again",
    needs: ["forget", "sharing"],
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const other = await open(KEEP_ALL)
      const { first } = await log.bounds()
      const { positions } = await log.append([...messages("a", 3), ...messages("b", 2)])
      equal((await readAll(other)).length, 5, "another process has read all")
      await forget(log, { topics: ["a"], upTo: positions[4] ?? "" })
      equal(dataOf(await readAll(other)), ["b 1", "b 2"], "it does not read them again")
      equal(await lossAfter(other, first), trimmed({ a: positions[2] }), "it tells the loss")
      equal(await lossAfter(other, positions[1] ?? ""), trimmed({ a: positions[2] }), "also within them")
      await log.close()
      await other.close()
      const again = await open(KEEP_ALL)
      equal(dataOf(await readAll(again)), ["b 1", "b 2"], "nor does one that starts")
      equal(await lossAfter(again, first, ["a"]), trimmed({ a: positions[2] }), "which tells the loss")
      const { previous } = await again.append(messages("a", 1))
      equal(previous, positions[4], "and goes on where the log ended")
    },
  },
]

const ahead = (position: Position): Position => {
  const { epoch = "", sequence = 0 } = parsePosition(position) ?? {}
  return formatPosition(epoch, sequence + 1)
}

const other = (position: Position): Position => formatPosition("0ther000", parsePosition(position)?.sequence ?? 0)
