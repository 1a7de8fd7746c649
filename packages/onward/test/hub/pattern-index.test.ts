import assert from "node:assert/strict"
import { test } from "node:test"
import type { Audience } from "../../src/hub/audience.ts"
import { PatternIndex } from "../../src/hub/pattern-index.ts"
import {
  Permission,
  selectorOfPattern,
  splitMatchers,
  type Selector,
  type TopicMatcher,
} from "../../src/hub/selector.ts"
import { Chance } from "./simulation/chance.ts"

const SEED = Number(process.env["ONWARD_SEED"] ?? 1)
const UNLIMITED = { patterns: Infinity, patternBytes: Infinity }

const audience = (): Audience => ({}) as Audience

/** The patterns in use that match a topic. */
const found = (index: PatternIndex, topic: string): string[] =>
  index
    .matching(topic)
    .filter(({ audiences }) => audiences.size > 0)
    .map(({ selector }) => selector.name)
    .sort()

test(`patterns that come and go are found as by trying all of them (ONWARD_SEED=${SEED})`, () => {
  const chance = new Chance(SEED)
  const index = new PatternIndex(UNLIMITED)
  const letters = ["a", "b", "c"]
  const word = (): string => Array.from({ length: 1 + chance.below(3) }, () => chance.pick(letters)).join("")
  const used: { readonly selector: Selector; readonly audience: Audience }[] = []
  for (let i = 0; i < 4_000; i++) {
    if (used.length < 300 && chance.percent(55)) {
      const pattern = chance.pick([`${word()}*`, `*${word()}`, `:x/${word()}*`, `${word()}/:x`])
      const each = { selector: selectorOfPattern(pattern), audience: audience() }
      index.enter(each.selector, each.audience)
      used.push(each)
    } else if (used.length > 0) {
      const [{ selector, audience }] = used.splice(chance.below(used.length), 1) as [(typeof used)[number]]
      index.leave(selector, audience)
    }
    // a few topics, so that most were asked for before
    const topic = chance.pick(["a", "ab", "abc", "a/b", "b/c", "ca/ab"])
    const expected = new Set(
      used.filter(({ selector }) => selector.matches(topic)).map(({ selector }) => selector.name),
    )
    if (chance.percent(30)) assert.deepEqual(found(index, topic), [...expected].sort(), topic)
    assert.equal(index.size, new Set(used.map(({ selector }) => selector.key)).size)
  }
  for (const { selector, audience } of used) index.leave(selector, audience)
  assert.equal(index.size, 0)
  assert.deepEqual(index.matching("a"), [])
})

test("a topic that was asked for finds any number of patterns that were added since", () => {
  for (const count of [1, 63, 64, 65, 127, 128, 129, 130, 200]) {
    const index = new PatternIndex(UNLIMITED)
    const all = Array.from({ length: count }, (_, i) => selectorOfPattern(`news/*${"/".repeat(i)}`))
    index.enter(selectorOfPattern("*"), audience())
    assert.deepEqual(found(index, `news/${"/".repeat(300)}`), ["*"])
    for (const [i, selector] of all.entries()) {
      index.enter(selector, audience())
      if (i % 50 === 10) assert.equal(found(index, "news/").length, 1 + 1)
    }
    assert.equal(found(index, `news/${"/".repeat(300)}`).length, count + 1)
    assert.equal(found(index, `news/${"/".repeat(300)}`).length, count + 1)
  }
})

test("two audiences with the same pattern are one, until both have left", () => {
  const index = new PatternIndex(UNLIMITED)
  const selector = selectorOfPattern("a*")
  const both = [audience(), audience()] as const
  for (const each of both) index.enter(selector, each)
  assert.equal(index.size, 1)
  assert.equal(index.matching("ab")[0]?.audiences.size, 2)
  index.leave(selector, both[0])
  index.leave(selector, both[0])
  assert.equal(index.matching("ab")[0]?.audiences.size, 1)
  index.leave(selector, both[1])
  index.leave(selector, both[1])
  assert.deepEqual([index.size, index.matching("ab")], [0, []])
})

test("patterns are limited by how many one topic can match, and by their memory, and give both back", () => {
  const perTopic = new PatternIndex({ patterns: 2, patternBytes: Infinity })
  const selectors = ["a*", "ab*", "b*"].map(selectorOfPattern) as [Selector, Selector, Selector]
  const [one, two, other] = selectors
  for (let round = 0; round < 3; round++) {
    perTopic.admit([one, two])
    const own = audience()
    for (const each of [one, two]) perTopic.enter(each, own)
    // in use already, or of other topics
    perTopic.admit([one, two, other])
    assert.throws(() => perTopic.admit([selectorOfPattern("abc*")]), { code: "too_many_patterns" })
    for (const each of [one, two]) perTopic.leave(each, own)
  }
  assert.throws(() => perTopic.admit([one, two, selectorOfPattern("abc*")]), /limits\.patterns = 2/)
  // other forms of the topic count together
  const [matcher] = splitMatchers("matchers", [
    { key: "k", matches: () => true, normalize: (topic) => topic.toLowerCase() },
  ]).selectors as [Selector]
  assert.throws(() => perTopic.admit([one, two, matcher]), /limits\.patterns = 2/)

  // 1,200 bytes, and four for each character of "pattern a*" and "a"
  const bytes = 1_200 + 4 * 11
  const byMemory = new PatternIndex({ patterns: Infinity, patternBytes: 2 * bytes })
  for (let round = 0; round < 3; round++) {
    byMemory.admit([one, other])
    const own = audience()
    for (const each of [one, other]) byMemory.enter(each, own)
    byMemory.admit([one, other])
    assert.throws(() => byMemory.admit([selectorOfPattern("c*")]), /limits\.patternBytes = 2488/)
    for (const each of [one, other]) byMemory.leave(each, own)
  }
  assert.throws(() => byMemory.admit([one, two]), /limits\.patternBytes/)
})

test("10,000 topics are remembered, and their patterns only while they are in use", () => {
  const index = new PatternIndex(UNLIMITED)
  const stays = audience()
  let asked = 0
  const [counting] = splitMatchers("matchers", [
    {
      key: "counting",
      matches: () => true,
      normalize: (topic) => {
        asked++
        return topic === "never" ? undefined : topic
      },
    },
  ]).selectors as [Selector]
  index.enter(counting, stays)
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10_000; i++) index.matching(`topic ${i}`)
    assert.equal(asked, 10_000, "each topic is searched once")
  }
  index.matching("one more")
  index.matching("topic 0")
  assert.equal(asked, 10_002)
  index.matching("topic 9999")
  assert.equal(asked, 10_002)
  assert.deepEqual(index.matching("never"), [])
  // long names are remembered up to four million characters
  const long = Array.from({ length: 5 }, (_, i) => `${i}`.padEnd(1_000_000))
  for (const topic of long) index.matching(topic)
  asked = 0
  for (const topic of long.slice(1)) index.matching(topic)
  assert.equal(asked, 0)
  index.matching("topic 9999")
  assert.equal(asked, 1)
})

test("names of Onward's own topics match no pattern", () => {
  const index = new PatternIndex(UNLIMITED)
  index.enter(selectorOfPattern("*"), audience())
  assert.deepEqual(index.matching("stream.presence"), [])
  const [matcher] = splitMatchers("matchers", [{ key: "k", matches: (topic) => topic === "stream.mine" }]).selectors
  index.enter(matcher as Selector, audience())
  // a user's topic of such a name has another one inside
  assert.deepEqual(found(index, "stream.*o:stream.mine"), ["k"])
})

test("the same matchers in another order are the same", () => {
  const given: TopicMatcher[] = [
    ...["c", "a", "b"].map((key) => ({ key, matches: () => true })),
    ...["z", "x", "y", "x"].map((topic) => ({ topic })),
    { key: "a", matches: () => true },
  ]
  for (const list of [given, given.toReversed()]) {
    const { topics, selectors } = splitMatchers("matchers", list)
    assert.deepEqual(topics, ["x", "y", "z"])
    assert.deepEqual(
      selectors.map(({ key }) => key),
      ["matcher a", "matcher b", "matcher c"],
    )
    assert.equal(new Permission(list).key, new Permission(given).key)
  }
})
