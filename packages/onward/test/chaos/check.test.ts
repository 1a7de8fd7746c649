import assert from "node:assert/strict"
import { test } from "node:test"
import { formatPosition, inSameEpoch } from "../../src/log/index.ts"
import { checkHistory } from "./check.ts"
import type { Fact, History, Seen } from "./history.ts"

const at = (place: number, epoch = "life0001"): string => formatPosition(epoch, place)
const fact = (name: string, place: number, epoch?: string): Fact => ({ position: at(place, epoch), topic: "a", name })

const FACTS = ["one", "two", "three", "four"].map((name, i) => fact(name, i + 1))

function check(seen: readonly Seen[], others: Partial<History> = {}) {
  const { facts = FACTS } = others
  return checkHistory({
    facts,
    kept: facts.filter(({ position }) => inSameEpoch(position, facts.at(-1)?.position ?? "")),
    acked: [],
    subscribers: [{ selection: { topics: ["a"] }, seen }],
    keeps: Infinity,
    mayLose: false,
    ...others,
  })
}

test("a run in which each subscriber received everything once and in order has no complaints", () => {
  const { failures, missing, delivered } = check(["one", "two", "three", "four"], { acked: ["one", "four"] })
  assert.deepEqual({ failures, missing, delivered }, { failures: [], missing: [], delivered: 4 })
})

test("messages on topics that a subscriber did not request are not expected", () => {
  const facts = [...FACTS, { position: at(5), topic: "b", name: "five" }]
  assert.deepEqual(check(["one", "two", "three", "four"], { facts }).missing, [])
  assert.match(check(["one", "two", "three", "four", "five"], { facts }).failures[0] ?? "", /did not ask/)
})

test("an acknowledged message that is missing in the log is found", () => {
  assert.deepEqual(check([], { acked: ["one", "five"] }).failures, ["acknowledged, but not kept: five"])
})

test("a message that is missing after a new epoch is found, unless the store was allowed to lose it", () => {
  const facts = [...FACTS, fact("one", 1, "life0002"), fact("two", 2, "life0002"), fact("four", 3, "life0002")]
  const seen: Seen[] = ["one", "two", { reason: "epoch", from: at(2), to: at(0, "life0002") }, "one", "two", "four"]
  const acked = ["one", "two", "three", "four"]
  assert.deepEqual(check(seen, { facts, acked }).failures, ["acknowledged, but not kept: three"])
  assert.deepEqual(check(seen, { facts, acked, mayLose: true }).failures, [])
})

test("entries that retention removed before a new epoch are not expected in it", () => {
  const facts = [...FACTS, fact("three", 3, "life0002"), fact("four", 4, "life0002")]
  assert.deepEqual(check([], { facts, acked: ["one", "two", "three", "four"], keeps: 2 }).failures, [])
})

test("a message that is stored twice is found, unless its first entry was already removed", () => {
  const facts = [...FACTS, fact("one", 5)]
  assert.deepEqual(check([], { facts }).failures, ["one is stored twice"])
  assert.deepEqual(check([], { facts, keeps: 4 }).failures, [])
})

test("entries that are out of order in the log are found", () => {
  assert.match(check([], { facts: [fact("two", 2), fact("one", 1)] }).failures[0] ?? "", /after/)
})

test("a log that lost or changed entries without a new epoch is found", () => {
  const other = [...FACTS.slice(0, 3), fact("five", 4)]
  for (const kept of [FACTS.slice(0, 3), other, []]) {
    assert.match(check([], { kept }).failures[0] ?? "", /does not hold what was read from it/)
  }
  assert.deepEqual(check([], { kept: FACTS.slice(2), keeps: 2 }).failures, [])
})

test("an entry that arrived twice is found", () => {
  assert.deepEqual(check(["one", "two", "two", "three", "four"]).failures, ["subscriber 0 got two twice"])
})

test("entries that arrived out of order are found", () => {
  const { failures } = check(["one", "three", "two", "four"])
  assert.match(failures.join(), /got three without two before it.*got two after what comes after it/)
})

test("a skipped entry is found", () => {
  assert.deepEqual(check(["one", "two", "four"]).failures, [
    "subscriber 0 got four without three before it, and was not told of a gap",
  ])
})

test("a message that was never stored is found", () => {
  assert.match(check(["one", "two", "three", "four", "ghost"]).failures[0] ?? "", /got ghost, which is not in the log/)
  assert.match(check(["one", "ghost", "two", "three", "four"]).failures[0] ?? "", /got ghost without two/)
})

test("pending entries are told apart from errors", () => {
  const { failures, missing } = check(["one", "two"])
  assert.deepEqual({ failures, missing }, { failures: [], missing: ["subscriber 0 never got three, four"] })
})

test("an announced gap excuses the entries removed in it, and no others", () => {
  const seen = (to: number): Seen[] => ["one", { reason: "trimmed", from: at(1), to: at(to) }, "four"]
  assert.deepEqual(check(seen(3), { keeps: 1 }).failures, [])
  assert.match(check(seen(2), { keeps: 1 }).failures[0] ?? "", /without three/, "three lies after the gap")
  assert.match(check(seen(3), { keeps: 2 }).failures[0] ?? "", /without three/, "three is still kept")
})

test("a new epoch that never began is found", () => {
  const gap: Seen = { reason: "epoch", from: at(2), to: at(0) }
  assert.match(check(["one", "two", gap, "one", "two", "three", "four"]).failures[0] ?? "", /within one life/)
})

test("a subscriber that disconnected before the first entry of a new epoch can be told of it again", () => {
  const facts = [fact("one", 1), fact("one", 1, "life0002"), fact("two", 2, "life0002")]
  const gap: Seen = { reason: "epoch", from: at(1), to: at(0, "life0002") }
  assert.deepEqual(check(["one", gap, gap, "one", "two"], { facts }).failures, [])
  const heeded: Seen = { ...gap, from: at(1, "life0002") }
  assert.match(check(["one", gap, "one", heeded, "one", "two"], { facts }).failures[0] ?? "", /within one life/)
  assert.match(check(["one", gap, "one", gap, "one", "two"], { facts }).failures[0] ?? "", /got one twice/)
})

test("a subscriber that disconnected before the first entry of a new epoch can receive the rest of the old one, where the new one is not known yet", () => {
  const facts = [fact("one", 1), fact("two", 2), fact("one", 1, "life0002"), fact("two", 2, "life0002")]
  const gap = (from: number): Seen => ({ reason: "epoch", from: at(from), to: at(0, "life0002") })
  assert.deepEqual(check(["one", gap(1), "two", gap(2), "one", "two"], { facts }).failures, [])
  assert.match(check(["one", gap(1), "two", "one"], { facts }).failures[0] ?? "", /two without one/, "it was told once")
})

test("the end of a lost epoch can have been received, if the subscriber is told of the new one", () => {
  const facts = [fact("one", 1), fact("one", 1, "life0002"), fact("two", 2, "life0002")]
  const gap: Seen = { reason: "epoch", from: at(2), to: at(0, "life0002") }
  assert.deepEqual(check(["one", "ghost", gap, "one", "two"], { facts, mayLose: true }).failures, [])
  assert.deepEqual(check(["one", "two", gap, "one", "two"], { facts }).failures, [], "published again, and kept")
  assert.match(check(["ghost", gap, "one", "two"], { facts, mayLose: true }).failures.join(), /ghost without one/)
  assert.match(check(["one", "ghost", "ghost", gap], { facts, mayLose: true }).failures.join(), /ghost twice/)
  assert.deepEqual(check(["one", "two"], { facts }).missing, ["subscriber 0 never got one, two"], "it was never told")
})
