import assert from "node:assert/strict"
import { test } from "node:test"
import { checkTopic, compilePattern, isPattern, MAX_TOPIC_BYTES, MAX_WILDCARDS } from "../../src/topic.ts"
import { Chance } from "../hub/simulation/chance.ts"

const refused = { name: "OnwardError", code: "invalid_selector" }

test("a topic is any non-empty line without control characters and wildcards", () => {
  for (const topic of ["a", "news/today", "user:42", "/", "a//b", "a b", "größe/東京/🦊", "a?b", "a{b}", "%2A", ".."]) {
    assert.doesNotThrow(() => checkTopic(topic), topic)
  }
  for (const topic of [
    "",
    "a\nb",
    "a\rb",
    "a\0b",
    "\u007f",
    "a\u0085b",
    "\t",
    "user:*",
    "*",
    "a*b",
    "users/:id",
    ":id",
  ]) {
    assert.throws(() => checkTopic(topic), refused, JSON.stringify(topic))
  }
  for (const topic of [undefined, null, 7, {}, ["a"]]) assert.throws(() => checkTopic(topic as string), refused)
})

test("a topic can have 1,024 bytes, not characters", () => {
  checkTopic("a".repeat(MAX_TOPIC_BYTES))
  checkTopic("é".repeat(MAX_TOPIC_BYTES / 2))
  assert.throws(() => checkTopic("a".repeat(MAX_TOPIC_BYTES + 1)), refused)
  assert.throws(() => checkTopic("é".repeat(MAX_TOPIC_BYTES / 2 + 1)), refused)
  assert.throws(() => compilePattern(`${"a".repeat(MAX_TOPIC_BYTES)}*`), refused)
})

test("a name built from user input never becomes a pattern", () => {
  for (const input of ["*", "42*", ":id", "42/*", "42/:id"]) {
    for (const prefix of ["", "user:", "user/"]) {
      const topic = prefix + input
      if (isPattern(topic)) assert.throws(() => checkTopic(topic), refused, topic)
      else assert.doesNotThrow(() => checkTopic(topic), topic)
    }
  }
})

test("every selector is either a name or a pattern", () => {
  const chance = new Chance(1)
  for (let i = 0; i < 20_000; i++) {
    const selector = randomText(chance, ["a", "b", "/", ":", ":x", "*"], 8)
    if (selector === "") continue
    let isName = true
    try {
      checkTopic(selector)
    } catch {
      isName = false
    }
    assert.equal(isName, !isPattern(selector), selector)
  }
})

const matches: readonly (readonly [pattern: string, topics: readonly string[], others: readonly string[]])[] = [
  ["*", ["a", "a/b", "/", "user:42"], []],
  ["news/*", ["news/today", "news/a/b", "news/"], ["news", "newsflash", "old/news/today"]],
  ["users/:id", ["users/42", "users/a b"], ["users/", "users", "users/42/orders", "my/users/42"]],
  ["a/:x/b/*", ["a/1/b/", "a/1/b/2", "a/1/b/2/3"], ["a/1/b", "a//b/2", "a/1/2/b/3"]],
  [":x", ["a", "a:b"], ["a/b", "/a", "a/"]],
  [":x/:y", ["a/b"], ["a", "a/", "/b", "a/b/c"]],
  ["*/end", ["/end", "a/end", "a/b/end", "a/end/end"], ["end", "a/end/", "a/ends"]],
  ["a*b*c", ["abc", "a-b-c", "abcbc", "aabbcc"], ["ab", "acb", "abcd"]],
  ["*/:id", ["/a", "x/a", "x/y/a"], ["a", "x/", "/"]],
  ["user:*", ["user:", "user:42", "user:4/2"], ["user", "users"]],
  ["größe/*", ["größe/東京"], ["grosse/a"]],
  ["a.b/*", ["a.b/c"], ["axb/c"]],
]

for (const [pattern, topics, others] of matches) {
  test(`the pattern ${pattern} matches as its author expects`, () => {
    const matcher = compilePattern(pattern)
    for (const topic of topics) assert.ok(matcher(topic), `${topic} matches`)
    for (const topic of others) assert.ok(!matcher(topic), `${topic} does not match`)
  })
}

test("patterns that URLPattern would read differently are refused", () => {
  for (const pattern of [
    "a/{b}",
    "a/:id(\\d+)",
    "a/(b)",
    "**",
    "a/**",
    "a/**/b",
    "a/:id?",
    "a/:id+",
    "a\\*",
    "a/:id-x/*",
    "a/:id.json",
    "a/:id*",
    "",
    "a\n*",
  ]) {
    assert.throws(() => compilePattern(pattern), refused, JSON.stringify(pattern))
  }
})

test("a pattern can have eight wildcards", () => {
  compilePattern("a*".repeat(MAX_WILDCARDS))
  compilePattern("/:x".repeat(MAX_WILDCARDS))
  assert.throws(() => compilePattern("a*".repeat(MAX_WILDCARDS + 1)), refused)
  assert.throws(() => compilePattern(`${"/:x".repeat(MAX_WILDCARDS)}/*`), refused)
})

interface PlatformPattern {
  test(input: { pathname: string }): boolean
}
const { URLPattern } = globalThis as { URLPattern?: new (init: { pathname: string }) => PlatformPattern }

test(
  "patterns match exactly the topics that the platform's URLPattern matches",
  { skip: URLPattern ? false : "this Node has no URLPattern" },
  () => {
    const Platform = URLPattern as NonNullable<typeof URLPattern>
    const chance = new Chance(2)
    let compared = 0
    let matched = 0
    for (let i = 0; i < 3_000; i++) {
      const pattern = randomPattern(chance)
      let matcher
      try {
        matcher = compilePattern(pattern)
      } catch {
        continue // not of the subset
      }
      const platform = new Platform({ pathname: `/${pattern}` })
      for (let j = 0; j < 12; j++) {
        const topic = chance.percent(50) ? randomText(chance, ["a", "b", "/"], 9) : instanceOf(pattern, chance)
        if (topic === "") continue
        const expected = platform.test({ pathname: `/${topic}` })
        assert.equal(matcher(topic), expected, `pattern ${pattern}, topic ${topic}`)
        compared++
        if (expected) matched++
      }
    }
    assert.ok(compared > 10_000 && matched > 2_000, `${compared} compared, ${matched} matched`)
  },
)

test("patterns that take backtracking matchers exponential time finish, at the longest topic and most wildcards", () => {
  const topic = "a".repeat(MAX_TOPIC_BYTES - 1)
  const slashes = "/a".repeat(MAX_TOPIC_BYTES / 2 - 1)
  for (const pattern of [
    `${"*a".repeat(MAX_WILDCARDS)}b`,
    `${`*${"a".repeat(100)}`.repeat(MAX_WILDCARDS)}b`,
    `*${"a".repeat(500)}b`,
    `*${"a".repeat(500)}b*`,
    `*${"/:x".repeat(MAX_WILDCARDS - 1)}/b`,
    `*/:x/*/:x/*/:x/*/b`,
  ]) {
    const matcher = compilePattern(pattern)
    assert.equal(matcher(topic), false)
    assert.equal(matcher(slashes), false)
  }
  // a backtracking matcher needs far more than the age of the universe for this one
  assert.equal(compilePattern("*a*a*a*a*a*a*a*a")(topic), true)
})

/** Hostile pairs whose pattern and topic have about `length` characters. */
const hostile: Readonly<Record<string, (length: number) => [pattern: string, topic: string]>> = {
  "one literal, all but found everywhere": (n) => [`*${"a".repeat(n / 2)}b*`, "a".repeat(n - 1)],
  "a literal at the end": (n) => [`*${"a".repeat(n / 2)}b`, "a".repeat(n - 1)],
  "eight literals": (n) => [`*${`${"a".repeat(n / 8 - 2)}*`.repeat(7)}b`, "a".repeat(n - 1)],
  "a literal that repeats itself": (n) => [`*${"ab".repeat(n / 4)}aa*`, "ab".repeat(n / 2 - 1)],
  "segments between literals": (n) => [`*${"/a".repeat(n / 8)}/:x${"/a".repeat(n / 8)}/b*`, "/a".repeat(n / 2 - 1)],
  "seven segments": (n) => [`*${"/:x".repeat(6)}/b*`, "/a".repeat(n / 2 - 1)],
  "segments at the end": (n) => [`*${"/a".repeat(n / 4)}${"/:x".repeat(7)}`, "/b".repeat(n / 2 - 1)],
  "no slash at all": (n) => [`*/:x/*/:y/${"a".repeat(n / 2)}`, "a".repeat(n - 1)],
}

for (const [name, make] of Object.entries(hostile)) {
  test(`the time of matching is in proportion to the length: ${name}`, () => {
    const steps = (length: number): number => {
      const [pattern, topic] = make(length)
      let count = 0
      const counted = {
        length: topic.length,
        charCodeAt(at: number) {
          count++
          return topic.charCodeAt(at)
        },
        startsWith(text: string, at = 0) {
          let same = 0
          while (same < text.length && topic[at + same] === text[same]) same++
          count += same + 1
          return same === text.length
        },
        indexOf(text: string, at = 0) {
          count += Math.max(0, topic.length - at)
          return topic.indexOf(text, at)
        },
      }
      assert.equal(compilePattern(pattern)(counted as unknown as string), compilePattern(pattern)(topic))
      return count
    }
    for (const length of [64, 128, 256, 512, MAX_TOPIC_BYTES - 16]) {
      assert.ok(steps(length) <= 10 * length, `${steps(length)} steps for ${length} characters`)
    }
  })
}

/** Concatenates up to `most` random pieces. */
function randomText(chance: Chance, pieces: readonly string[], most: number): string {
  let text = ""
  for (let i = chance.below(most + 1); i > 0; i--) text += chance.pick(pieces)
  return text
}

/** A pattern of the supported subset: every name is another one, and a whole segment. */
function randomPattern(chance: Chance): string {
  let names = 0
  const pattern = randomText(chance, ["a", "b", "/", "/", ":", "*"], 8).replaceAll(":", () => `:x${names++}`)
  return /(?<!^|\/):/.test(pattern) ? "" : pattern
}

/** A topic that is likely to match. */
const instanceOf = (pattern: string, chance: Chance): string =>
  pattern
    .replace(/:x\d/g, () => randomText(chance, ["a", "b"], 3))
    .replaceAll("*", () => randomText(chance, ["a", "b", "/"], 4))
