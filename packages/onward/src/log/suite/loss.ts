import type { Position } from "../../message.ts"
import type { Log, Loss } from "../log.ts"
import type { Case } from "./case.ts"
import { dataOf, message, messages, settle, stoppedClock } from "./case.ts"
import { check, equal, readAll } from "./check.ts"

const lossAfter = async (log: Log, after: Position, topics?: readonly string[]): Promise<Loss | undefined> =>
  (await log.read({ after, limit: 10, ...(topics && { topics }) })).lost

const trimmed = (marks: Readonly<Record<string, Position | undefined>>): Loss => {
  const topics = new Map(Object.entries(marks).map(([topic, position]) => [topic, position ?? ""]))
  return { reason: "trimmed", to: [...topics.values()].sort().at(-1) ?? "", topics }
}

export const lossCases: readonly Case[] = [
  {
    name: "a reader whom retention has overtaken is told so, and up to where",
    async run({ open }) {
      const log = await open({ retention: { count: 4 } })
      const { first } = await log.bounds()
      const { positions } = await log.append(messages("a", 10))
      await settle(log)
      for (const after of [first, ...positions.slice(0, 5)]) {
        equal(
          await lossAfter(log, after),
          trimmed({ a: positions[5] }),
          "before the newest removed entry, something is lost",
        )
        equal(await lossAfter(log, after, ["a"]), trimmed({ a: positions[5] }), "also when read by topic")
      }
      for (const after of positions.slice(5)) equal(await lossAfter(log, after), undefined, "from it on, nothing is")
      const { entries } = await log.read({ after: first, limit: 2 })
      equal(dataOf(entries), ["a 7", "a 8"], "the page holds what comes next")
    },
  },
  {
    name: "reading from `first` misses nothing that the whole log's limits removed",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      for (let i = 0; i < 4; i++) {
        await log.append(messages("a", 2))
        await settle(log)
        const { first } = await log.bounds()
        equal(await lossAfter(log, first), undefined, "nothing is lost after `first`")
        equal((await readAll(log, { after: first })).length, Math.min(3, (i + 1) * 2), "everything kept comes after it")
      }
    },
  },
  {
    name: "a quiet topic that lost nothing has no gap, however much others lost",
    async run({ open }) {
      const log = await open({ retention: { topic: { count: 2 } } })
      const { first } = await log.bounds()
      await log.append(messages("quiet", 1))
      const { positions } = await log.append(messages("busy", 20))
      await log.append(messages("quiet", 1, 2))
      await settle(log)
      equal(await lossAfter(log, first, ["quiet"]), undefined, "its reader is told nothing")
      equal(
        dataOf(await readAll(log, { after: first, topics: ["quiet"] })),
        ["quiet 1", "quiet 2"],
        "because all is there",
      )
      equal(await lossAfter(log, first, ["nobody"]), undefined, "neither is the reader of a topic that never was")
      const lost = trimmed({ busy: positions[17] })
      equal(await lossAfter(log, first, ["busy"]), lost, "a reader of the other topic is told")
      equal(await lossAfter(log, first, ["busy", "quiet", "nobody"]), lost, "a reader of both is told which one it was")
      equal(await lossAfter(log, first), lost, "so is a reader of everything")
      equal(
        await lossAfter(log, positions[17] ?? "", ["busy", "quiet"]),
        undefined,
        "from the newest removed on, all is there",
      )
    },
  },
  {
    name: "each topic tells the newest entry it lost",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      const { first } = await log.bounds()
      const { positions } = await log.append(["a", "b", "a", "c", "a", "b", "d"].map((topic) => message(topic, "")))
      await settle(log)
      equal(
        await lossAfter(log, first),
        trimmed({ a: positions[2], b: positions[1], c: positions[3] }),
        "of all topics",
      )
      equal(await lossAfter(log, first, ["b", "d"]), trimmed({ b: positions[1] }), "of those asked for")
      equal(
        await lossAfter(log, positions[1] ?? ""),
        trimmed({ a: positions[2], c: positions[3] }),
        "of those that lost after it",
      )
      equal(await lossAfter(log, positions[1] ?? "", ["b"]), undefined, "a topic that lost nothing after it, nothing")
    },
  },
  {
    name: "a topic that lost all its entries still tells so",
    async run({ open }) {
      const log = await open({ retention: { count: 2 } })
      const { first } = await log.bounds()
      const { positions } = await log.append(messages("gone", 2))
      await log.append(messages("a", 5))
      await settle(log)
      equal(await lossAfter(log, first, ["gone"]), trimmed({ gone: positions[1] }), "its reader is told")
      equal(await lossAfter(log, positions[1] ?? "", ["gone"]), undefined, "who had read it all is not")
      await log.append(messages("gone", 1, 3))
      equal(
        await lossAfter(log, first, ["gone"]),
        trimmed({ gone: positions[1] }),
        "also when the topic has entries again",
      )
    },
  },
  {
    name: "a reader between two losses is told the later one only",
    async run({ open }) {
      const log = await open({ retention: { topic: { count: 1 } } })
      const { positions } = await log.append(
        ["a", "a", "b", "b", "b", "a"].map((topic, i) => message(topic, String(i))),
      )
      await settle(log)
      equal(await lossAfter(log, positions[1] ?? ""), trimmed({ b: positions[3] }), "the earlier loss is behind it")
      equal(await lossAfter(log, positions[1] ?? "", ["a"]), undefined, "it has what it asked for")
      equal(dataOf(await readAll(log, { after: positions[1] ?? "" })), ["4", "5"], "what is left can be read")
    },
  },
  {
    name: "loss by age is told like any other",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(1000)
      const log = await open({ retention: { age: 100 }, clock })
      const { first } = await log.bounds()
      const { positions } = await log.append(messages("a", 2))
      set(1200)
      await log.append(messages("b", 1))
      await settle(log)
      equal(await lossAfter(log, first, ["a"]), trimmed({ a: positions[1] }), "up to the newest removed entry")
      equal(await lossAfter(log, first, ["b"]), undefined, "only of the topics that lost")
    },
  },
  {
    name: "what was lost is still known when the log is opened again",
    needs: ["sharing"],
    async run({ open }) {
      const retention = { topic: { count: 2 } }
      const log = await open({ retention })
      const { first } = await log.bounds()
      const { positions } = await log.append([...messages("a", 3), ...messages("quiet", 1), ...messages("b", 3)])
      await settle(log)
      const before = { bounds: await log.bounds(), lost: await lossAfter(log, first) }
      equal(before.lost, trimmed({ a: positions[0], b: positions[4] }), "there is something to remember")
      await log.close()
      const again = await open({ retention })
      equal(await again.bounds(), before.bounds, "it begins and ends where it did")
      equal(await lossAfter(again, first), before.lost, "it tells the same losses")
      equal(await lossAfter(again, first, ["quiet"]), undefined, "and no others")
      const { previous } = await again.append(messages("c", 1))
      check(previous === before.bounds.last, "it goes on where it ended")
    },
  },
]
