import assert from "node:assert/strict"
import { test } from "node:test"
import { seededRandom } from "../../../onward/src/seeded-random.ts"
import { Grants, toGrant } from "../../src/auth/grants.ts"
import { readTemplate } from "../../src/auth/template.ts"

/** Numbers that depend on nothing but the seed, so that a failure comes back with it. */
function randomFrom(seed: number): (below: number) => number {
  const random = seededRandom(seed)
  return (below) => Math.floor(random() * below)
}

const escape = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)

const WORDS = ["a", "b", "ab", "users", "x"]
const VALUES = [
  "a",
  "b",
  "ab",
  "*",
  ":x",
  "a/b",
  "../a",
  "..",
  "",
  "a*",
  "{sub}",
  "$&",
  "\u0001",
  "\u0002",
  "stream.a",
  "é",
]

interface Case {
  readonly template: string
  readonly claims: Readonly<Record<string, unknown>>
  /** What a topic has to match; undefined when the template grants nothing. */
  readonly oracle: RegExp | undefined
}

/** A template, claims, and by other means what they grant. */
function randomCase(pick: (below: number) => number): Case {
  const any = <T>(list: readonly T[]): T => list[pick(list.length)] as T
  const claims: Record<string, unknown> = { sub: any(VALUES) }
  if (pick(2) === 0) claims["org"] = any(VALUES)
  let template = ""
  let oracle = ""
  let isNothing = false
  const fill = (name: string): void => {
    const value = claims[name]
    template += `{${name}}`
    if (typeof value !== "string" || value === "" || /[/\p{Cc}]/u.test(value)) isNothing = true
    else oracle += escape(value)
  }
  const count = 1 + pick(4)
  for (let i = 0; i < count; i++) {
    if (i > 0) {
      template += "/"
      oracle += "\\/"
    }
    const kind = pick(6)
    if (kind === 0) {
      template += ":id"
      oracle += "[^/]+"
    } else if (kind === 1) {
      const before = any(["", "", ...WORDS])
      template += `${before}*`
      oracle += `${before}[^]*`
    } else if (kind === 2) fill("sub")
    else if (kind === 3) fill("org")
    else if (kind === 4) {
      const before = any(WORDS)
      template += before
      oracle += before
      fill("sub")
    } else {
      const word = any(WORDS)
      template += word
      oracle += word
    }
  }
  return { template, claims, oracle: isNothing ? undefined : new RegExp(`^${oracle}$`) }
}

/** A topic, often one that the case grants. */
function randomTopic({ template, claims }: Case, pick: (below: number) => number): string {
  const any = <T>(list: readonly T[]): T => list[pick(list.length)] as T
  const others = ["a", "b", "ab", "x", "*", ":x", "..", "", "users", "a/b"]
  if (pick(4) === 0) return Array.from({ length: 1 + pick(4) }, () => any(others)).join("/")
  return template
    .replaceAll(/\{(\w+)\}/g, (_, name: string) => (pick(5) === 0 ? any(others) : String(claims[name])))
    .replaceAll(":id", () => any(others))
    .replaceAll("*", () => any(others))
}

const isName = (topic: string): boolean =>
  topic !== "" && !/\*|(?:^|\/):[A-Za-z_$]|\p{Cc}/u.test(topic) && !topic.startsWith("stream.")

test("20,000 random claims, templates and topics are granted as an oracle says", () => {
  const pick = randomFrom(20_261_201)
  let granted = 0
  for (let i = 0; i < 20_000; i++) {
    const each = randomCase(pick)
    const grants = new Grants(readTemplate(each.template).grantsFor(each.claims))
    const topic = randomTopic(each, pick)
    if (!isName(topic)) continue
    const expected = each.oracle?.test(topic) ?? false
    assert.equal(grants.covers(topic), expected, JSON.stringify({ ...each, topic, i }))
    if (expected) granted++
  }
  assert.ok(granted > 2_000, `only ${granted} were granted`)
})

/** A topic that a pattern stands for. */
function sampleOf(pattern: string, pick: (below: number) => number): string {
  const segments = ["a", "b", "ab", "x", "é", "users"]
  const any = [...segments, "", "/", "a/b", "/a", "b/"]
  return pattern
    .replaceAll(/:id/g, () => segments[pick(segments.length)] as string)
    .replaceAll("*", () => any[pick(any.length)] as string)
}

test("20,000 random patterns are granted only if all topics that they stand for are", () => {
  const pick = randomFrom(20_261_202)
  let granted = 0
  for (let i = 0; i < 20_000; i++) {
    const each = randomCase(pick)
    const asked = randomCase(pick).template.replaceAll(/\{\w+\}/g, "a")
    const grants = new Grants(readTemplate(each.template).grantsFor(each.claims))
    if (!grants.covers(asked)) continue
    granted++
    for (let sample = 0; sample < 5; sample++) {
      const topic = sampleOf(asked, pick)
      if (topic.startsWith("stream.")) continue
      assert.match(topic, each.oracle ?? /^$/, JSON.stringify({ ...each, asked, topic, i }))
    }
  }
  assert.ok(granted > 200, `only ${granted} were granted`)
})

test("patterns that a grant covers are granted, and those that reach beyond it are not", () => {
  const cases: [grant: string, covered: string[], beyond: string[]][] = [
    ["*", ["*", "a", "a/*", ":id", "a/:id/b"], ["stream.x", "a\u0001", "", "a**", "{a}*"]],
    ["a/*", ["a/*", "a/b", "a/", "a/:id", "a/b*", "a/*/c", "a/:id/*"], ["a*", "*", "a", "b/*", ":id/*"]],
    ["a/:id", ["a/:x", "a/b"], ["a/*", "a/b/c", "a/", ":id/b", "a/b*"]],
    ["a/:id/c", ["a/:x/c", "a/b/c"], ["a/*/c", "a//c", "a/b/:id"]],
    ["*/c", ["*/c", "a/c", "a/*/c", ":id/c", "/c"], ["*", "*c", "c", "*/:id"]],
    ["a*b*c", ["abc", "a*b*c", "a*b*b*c", "axbxc"], ["a*c", "ab", "*abc"]],
    ["exact", ["exact"], ["exact*", "exac", "*", "exact/"]],
  ]
  for (const [grant, covered, beyond] of cases) {
    const grants = new Grants([toGrant(grant)])
    for (const selector of covered) assert.ok(grants.covers(selector), `${grant} covers ${selector}`)
    for (const selector of beyond) assert.ok(!grants.covers(selector), `${grant} does not cover ${selector}`)
  }
})

test("a claim never widens what a template grants", () => {
  const template = readTemplate("users/{sub}/*")
  for (const sub of [
    "*",
    ":id",
    "a/b",
    "../a",
    "a/../b",
    "a\u0002",
    "",
    "a\nb",
    "\ud800",
    "x".repeat(257),
    1.5,
    null,
    {},
    true,
  ]) {
    const grants = new Grants(template.grantsFor({ sub }))
    for (const topic of ["users/ada/mail", "users/*", "users/b/c", "users/a/b", "users/../a/b", "*"]) {
      assert.ok(!grants.covers(topic), `${JSON.stringify(sub)} grants ${topic}`)
    }
  }
  assert.ok(new Grants(template.grantsFor({ sub: "*" })).size === 1)
  assert.deepEqual(readTemplate("t/{a.b}/{c}").grantsFor({ a: { b: 1 }, c: ["x", "y"] }), ["t/1/x", "t/1/y"])
  assert.deepEqual(readTemplate("t/{https://example.com/org}").grantsFor({ "https://example.com/org": "x" }), ["t/x"])
  assert.deepEqual(readTemplate("t/{__proto__.x}").grantsFor({}), [])
  assert.deepEqual(readTemplate("t/{sub}/{sub}").grantsFor({ sub: ["a", "b"] }), ["t/a/a", "t/b/b"])
})

test("matching a hostile pattern takes time in proportion to its length", () => {
  const hostile = new Grants([toGrant(`*${"a".repeat(500)}b*`)])
  const asked = "a".repeat(1_024)
  for (let i = 0; i < 20; i++) assert.ok(!hostile.covers(asked))
})
