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
    name: "a read after a removed position reports the loss and the newest removed position",
    async run({ open }) {
      const log = await open({ retention: { count: 4 } })
      const { first } = await log.bounds()
      const { positions } = await log.append(messages("a", 10))
      await settle(log)
      for (const after of [first, ...positions.slice(0, 5)]) {
        equal(
          await lossAfter(log, after),
          trimmed({ a: positions[5] }),
          "after any position before the newest removed one",
        )
        equal(await lossAfter(log, after, ["a"]), trimmed({ a: positions[5] }), "also in a read by topic")
      }
      for (const after of positions.slice(5))
        equal(await lossAfter(log, after), undefined, "after it, there is no loss")
      const { entries } = await log.read({ after: first, limit: 2 })
      equal(dataOf(entries), ["a 7", "a 8"], "the page has the oldest kept entries")
    },
  },
  {
    name: "reading after `first` reports no loss from the limits of the log",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      for (let i = 0; i < 4; i++) {
        await log.append(messages("a", 2))
        await settle(log)
        const { first } = await log.bounds()
        equal(await lossAfter(log, first), undefined, "there is no loss after `first`")
        equal((await readAll(log, { after: first })).length, Math.min(3, (i + 1) * 2), "all kept entries follow it")
      }
    },
  },
  {
    name: "a read of a topic that lost nothing reports no loss, although other topics lost entries",
    async run({ open }) {
      const log = await open({ retention: { topic: { count: 2 } } })
      const { first } = await log.bounds()
      await log.append(messages("quiet", 1))
      const { positions } = await log.append(messages("busy", 20))
      await log.append(messages("quiet", 1, 2))
      await settle(log)
      equal(await lossAfter(log, first, ["quiet"]), undefined, "a read of this topic reports no loss")
      equal(
        dataOf(await readAll(log, { after: first, topics: ["quiet"] })),
        ["quiet 1", "quiet 2"],
        "because it has all entries",
      )
      equal(await lossAfter(log, first, ["none"]), undefined, "a read of a topic that never existed reports no loss")
      const lost = trimmed({ busy: positions[17] })
      equal(await lossAfter(log, first, ["busy"]), lost, "a read of the other topic reports its loss")
      equal(
        await lossAfter(log, first, ["busy", "quiet", "none"]),
        lost,
        "a read of both names the topic with the loss",
      )
      equal(await lossAfter(log, first), lost, "and so does a read of all topics")
      equal(
        await lossAfter(log, positions[17] ?? "", ["busy", "quiet"]),
        undefined,
        "after the newest removed position, there is no loss",
      )
    },
  },
  {
    name: "a loss names the newest removed position of each topic",
    async run({ open }) {
      const log = await open({ retention: { count: 3 } })
      const { first } = await log.bounds()
      const { positions } = await log.append(["a", "b", "a", "c", "a", "b", "d"].map((topic) => message(topic, "")))
      await settle(log)
      equal(
        await lossAfter(log, first),
        trimmed({ a: positions[2], b: positions[1], c: positions[3] }),
        "in a read of all topics",
      )
      equal(await lossAfter(log, first, ["b", "d"]), trimmed({ b: positions[1] }), "in a read of some topics")
      equal(
        await lossAfter(log, positions[1] ?? ""),
        trimmed({ a: positions[2], c: positions[3] }),
        "only of topics that lost entries after the position",
      )
      equal(
        await lossAfter(log, positions[1] ?? "", ["b"]),
        undefined,
        "a topic that lost nothing after it has no loss",
      )
    },
  },
  {
    name: "a topic that lost all its entries still reports the loss",
    async run({ open }) {
      const log = await open({ retention: { count: 2 } })
      const { first } = await log.bounds()
      const { positions } = await log.append(messages("gone", 2))
      await log.append(messages("a", 5))
      await settle(log)
      equal(await lossAfter(log, first, ["gone"]), trimmed({ gone: positions[1] }), "a read of the topic reports it")
      equal(
        await lossAfter(log, positions[1] ?? "", ["gone"]),
        undefined,
        "a reader that had read all entries has no loss",
      )
      await log.append(messages("gone", 1, 3))
      equal(
        await lossAfter(log, first, ["gone"]),
        trimmed({ gone: positions[1] }),
        "a read reports it also when the topic has entries again",
      )
    },
  },
  {
    name: "a reader between two losses receives the later one only",
    async run({ open }) {
      const log = await open({ retention: { topic: { count: 1 } } })
      const { positions } = await log.append(
        ["a", "a", "b", "b", "b", "a"].map((topic, i) => message(topic, String(i))),
      )
      await settle(log)
      equal(
        await lossAfter(log, positions[1] ?? ""),
        trimmed({ b: positions[3] }),
        "the earlier loss is before its position",
      )
      equal(
        await lossAfter(log, positions[1] ?? "", ["a"]),
        undefined,
        "the topic with the earlier loss has none after it",
      )
      equal(dataOf(await readAll(log, { after: positions[1] ?? "" })), ["4", "5"], "the kept entries are read")
    },
  },
  {
    name: "a loss by age is reported like any other",
    needs: ["clock"],
    async run({ open }) {
      const { clock, set } = stoppedClock(1000)
      const log = await open({ retention: { age: 100 }, clock })
      const { first } = await log.bounds()
      const { positions } = await log.append(messages("a", 2))
      set(1200)
      await log.append(messages("b", 1))
      await settle(log)
      equal(await lossAfter(log, first, ["a"]), trimmed({ a: positions[1] }), "it names the newest removed position")
      equal(await lossAfter(log, first, ["b"]), undefined, "other topics have no loss")
    },
  },
  {
    name: "a log that is opened again reports the same losses",
    needs: ["sharing"],
    async run({ open }) {
      const retention = { topic: { count: 2 } }
      const log = await open({ retention })
      const { first } = await log.bounds()
      const { positions } = await log.append([...messages("a", 3), ...messages("quiet", 1), ...messages("b", 3)])
      await settle(log)
      const before = { bounds: await log.bounds(), lost: await lossAfter(log, first) }
      equal(before.lost, trimmed({ a: positions[0], b: positions[4] }), "there is a loss before")
      await log.close()
      const again = await open({ retention })
      equal(await again.bounds(), before.bounds, "the bounds are the same")
      equal(await lossAfter(again, first), before.lost, "the losses are the same")
      equal(await lossAfter(again, first, ["quiet"]), undefined, "there are no others")
      const { previous } = await again.append(messages("c", 1))
      check(previous === before.bounds.last, "positions continue")
    },
  },
]
