import type { StoredMessage } from "../../message.ts"
import type { Case } from "./case.ts"
import { dataOf, KEEP_ALL, message, messages, settle } from "./case.ts"
import { check, equal, readAll } from "./check.ts"
import { repeatsOf } from "../driver/repeats.ts"

const names = ["id", "idempotencyKey"] as const

export const dedupeCases: readonly Case[] = [
  ...names.flatMap((name): Case[] => {
    const named = (value: string, data: string): StoredMessage => message("a", data, { [name]: value })
    return [
      {
        name: `a repeated ${name} is stored once, within one call and in later calls`,
        async run({ open }) {
          const log = await open(KEEP_ALL)
          const one = await log.append([named("x", "first"), named("y", "second"), named("x", "third")])
          equal(
            one.positions[2],
            one.positions[0],
            "within one call, the repeat gets the position of the first message",
          )
          const two = await log.append([named("y", "fourth"), named("z", "fifth"), message("a", "sixth")])
          equal(two.positions[0], one.positions[1], "in a later call, it gets the position of the kept entry")
          equal(
            dataOf(await readAll(log)),
            ["first", "second", "fifth", "sixth"],
            "the first message is the one that is kept",
          )
          const stored = (await readAll(log)).map((entry) => entry.position)
          equal(
            stored,
            [...one.positions.slice(0, 2), ...two.positions.slice(1)],
            "messages that are not repeats get new positions",
          )
        },
      },
      {
        name: `the same ${name} on two topics is not a repeat`,
        async run({ open }) {
          const log = await open({ retention: { topic: { count: 2 } } })
          const on = (topic: string, data: string): StoredMessage => message(topic, data, { [name]: "x" })
          const one = await log.append([on("a", "1"), on("b", "2"), on("a", "3")])
          equal(new Set(one.positions).size, 2, "within one call, both topics store it")
          equal(repeatsOf(one), [false, false, true], "only the one on the same topic is a repeat")
          const two = await log.append([on("c", "4"), on("b", "5")])
          equal(
            two.positions[1],
            one.positions[1],
            "in a later call, a repeat gets the position of the entry on its topic",
          )
          equal(repeatsOf(two), [false, true], "and another topic stores it")
          equal(dataOf(await readAll(log)), ["1", "2", "4"], "each topic keeps its own entry")
          await log.append(messages("a", 2))
          await settle(log)
          const three = await log.append([on("a", "6"), on("b", "7"), on("c", "8")])
          equal(
            repeatsOf(three),
            [false, true, true],
            "after its removal from one topic, only that topic stores it again",
          )
        },
      },
      {
        name: `the same ${name} in many concurrent calls is stored once`,
        async run({ open }) {
          const log = await open(KEEP_ALL)
          const calls = Array.from({ length: 20 }, (_, i) =>
            log.append([message("b", String(i)), named("x", String(i))]),
          )
          const positions = (await Promise.all(calls)).map((appended) => appended.positions[1])
          equal(new Set(positions).size, 1, "every call gets the same position")
          const kept = await readAll(log, { topics: ["a"] })
          equal(
            kept.map((entry) => entry.position),
            [positions[0]],
            "it is the position of the only entry",
          )
          equal((await readAll(log, { topics: ["b"] })).length, 20, "all other messages of the calls are stored")
        },
      },
      {
        name: `the ${name} of a removed entry can be stored again`,
        async run({ open }) {
          const log = await open({ retention: { count: 2 } })
          const one = await log.append([named("x", "first")])
          await log.append(messages("a", 2))
          await settle(log)
          const two = await log.append([named("x", "again")])
          check((two.positions[0] ?? "") > (one.positions[0] ?? ""), "it gets a new position")
          await settle(log)
          equal(dataOf(await readAll(log)), ["a 2", "again"], "it is stored")
        },
      },
    ]
  }),
  {
    name: "pairs of topic and id that concatenate to the same text stay different",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const pairs = [
        ["a", "b c"],
        ["a b", "c"],
        ["a", "1:b"],
        ["a1", ":b"],
        ["1", "1"],
        ["11", "1"],
        ["1", "11"],
        ["a/b", "c"],
        ["a", "b/c"],
      ] as const
      for (const name of names) {
        const given = pairs.map(([topic, value]) => message(topic, `${topic} ${value}`, { [name]: value }))
        const { positions } = await log.append(given)
        equal(new Set(positions).size, pairs.length, "each pair is stored")
        equal((await log.append(given)).positions, positions, "and each is a repeat of itself only")
      }
    },
  },
  {
    name: "an id and an equal idempotency key are not repeats of each other",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      await log.append([
        message("a", "1", { id: "x" }),
        message("a", "2", { idempotencyKey: "x" }),
        message("a", "3", { id: "y", idempotencyKey: "x" }),
      ])
      equal(dataOf(await readAll(log)), ["1", "2"], "a message is a repeat if its id or its key repeats")
      await log.append([message("a", "4", { id: "x", idempotencyKey: "z" })])
      await log.append([message("a", "5", { id: "w", idempotencyKey: "z" })])
      equal(
        dataOf(await readAll(log)),
        ["1", "2", "5"],
        "the id and key of a message that was not stored are not remembered",
      )
    },
  },
  {
    name: "a message whose id and idempotency key belong to two entries is not stored",
    async run({ open }) {
      const log = await open(KEEP_ALL)
      const { positions } = await log.append([
        message("a", "1", { id: "x" }),
        message("a", "2", { idempotencyKey: "y" }),
      ])
      const repeat = await log.append([message("a", "3", { id: "x", idempotencyKey: "y" })])
      equal(repeat.positions, positions.slice(0, 1), "it gets the position of the entry with its id")
      equal(dataOf(await readAll(log)), ["1", "2"], "nothing is stored")
    },
  },
]
