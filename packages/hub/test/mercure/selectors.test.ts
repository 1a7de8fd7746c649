import assert from "node:assert/strict"
import { test } from "node:test"
import { URLPattern as Polyfill } from "urlpattern-polyfill"
import { compileTemplate } from "../../src/mercure/selectors/uri-template.ts"
import { compileUrlPattern } from "../../src/mercure/selectors/url-pattern.ts"

const BASE = "https://hub.example.com/.well-known/mercure"

/** Template, topic, and whether the topic matches. */
const TEMPLATES: readonly (readonly [template: string, topic: string, matches: boolean])[] = [
  ["https://example.com/books/{id}", "https://example.com/books/1", true],
  ["https://example.com/books/{id}", "https://example.com/books/", true],
  ["https://example.com/books/{id}", "https://example.com/books/1/x", false],
  ["https://example.com/books/{id}", "https://example.com/books/a%20b,c", true],
  ["https://example.com/books/{id}", "https://example.com/books/a b", false],
  ["https://example.com/books/{id}", "https://example.com/books/é", false],
  ["https://example.com/books/{id}", "https://example.com/books/%C3%A9", true],
  ["https://example.com/{+path}", "https://example.com/a/b:c?d", true],
  ["https://example.com/list{?page,size}", "https://example.com/list?page=1&size=2", true],
  ["https://example.com/list{?page,size}", "https://example.com/list?page=1&size=2&more=3", false],
  ["https://example.com{/a,b}", "https://example.com/1/2/3", false],
  ["https://example.com{/a*}", "https://example.com/1/2/3", true],
]

test("a URI template matches what it could expand to, and the whole topic only", () => {
  for (const [template, topic, matches] of TEMPLATES) {
    assert.equal(compileTemplate(template)?.(topic), matches, `${template} ${topic}`)
  }
})

test("a text that is not a URI template does not compile: it is an exact topic", () => {
  for (const text of ["https://example.com/a", "a{", "a{}", "{a b}", "{a:0}", "{=a}", "a b{c}", "}{a}"]) {
    assert.equal(compileTemplate(text), undefined, text)
  }
})

/** Pattern, topic, and whether `URLPattern` says that the topic matches. */
const PATTERNS: readonly (readonly [pattern: string, topic: string, matches: boolean])[] = [
  ["https://example.com/books/:id", "https://example.com/books/1", true],
  ["https://example.com/books/:id", "https://example.com/books/", false],
  ["https://example.com/books/:id", "https://example.com/books/1/x", false],
  ["https://example.com/books/:id", "https://example.com/books/a%2Fb", true],
  ["https://example.com/books/:id", "https://example.com/books/1?q=2", true],
  ["https://example.com/books/:id", "https://example.com/books/1#h", true],
  ["https://example.com/books/:id", "https://EXAMPLE.com/books/1", true],
  ["https://example.com/books/:id", "https://example.com/Books/1", false],
  ["https://example.com/books/:id", "https://user@example.com/books/1", true],
  ["https://example.com/books/:id", "https://example.com:443/books/1", true],
  ["https://example.com/books/:id", "https://example.com:8443/books/1", false],
  ["https://example.com/books/:id", "http://example.com/books/1", false],
  ["https://example.com/books/*", "https://example.com/books/", true],
  ["https://example.com/books/*", "https://example.com/books/1/2", true],
  ["https://example.com/books/*", "https://example.com/books", false],
  ["https://*.example.com/x", "https://a.example.com/x", true],
  ["https://*.example.com/x", "https://a.b.example.com/x", true],
  ["https://:tenant.example.com/x", "https://a.b.example.com/x", false],
  ["https://:tenant.example.com/x", "https://a.example.com/x", true],
  ["https://example.com/a{/:b}?", "https://example.com/a", true],
  ["https://example.com/a{/:b}?", "https://example.com/a/1", true],
  ["https://example.com/a{/:b}?", "https://example.com/a/1/2", false],
  ["https://example.com/a/:b?", "https://example.com/a", true],
  ["https://example.com/a/:b+", "https://example.com/a/1/2/3", true],
  ["https://example.com/a/:b+", "https://example.com/a", false],
  ["https://example.com/a/:b*", "https://example.com/a", true],
  ["https://example.com/{ab}*c", "https://example.com/ababc", true],
  ["https://example.com/{ab}+c", "https://example.com/c", false],
  ["https://example.com/:a-:b", "https://example.com/1-2", true],
  ["https://example.com/:id(\\d+)", "https://example.com/12", true],
  ["https://example.com/:id(\\d+)", "https://example.com/1x", false],
  ["https://example.com/(a|b)", "https://example.com/b", true],
  ["http{s}?://example.com/x", "http://example.com/x", true],
  ["https://example.com/x?q=:q", "https://example.com/x?q=1", true],
  ["https://example.com/x?q=1", "https://example.com/x", false],
  ["/books/:id", "https://hub.example.com/books/1", true],
  ["/books/:id", "https://example.com/books/1", false],
  ["/books/:id", "/books/1", true],
  ["urn:uuid:*", "urn:uuid:1", false],
]

test("a URL pattern matches as URLPattern does, natively and in the polyfill", () => {
  for (const [pattern, topic, matches] of PATTERNS) {
    assert.equal(compileUrlPattern(pattern, BASE).matches(topic), matches, `${pattern} ${topic}`)
    for (const Native of [globalThis.URLPattern, Polyfill]) {
      if (Native)
        assert.equal(new Native(pattern, BASE).test(topic, BASE), matches, `${Native.name} ${pattern} ${topic}`)
    }
  }
})

test("an invalid URL pattern, and one with too many wildcards or a large expression, is refused", () => {
  const refused = [
    "https://example.com/{unclosed",
    "https://example.com/(unclosed",
    `https://example.com/${"*x".repeat(21)}`,
    "https://example.com/((a{50}){50})",
    `https://example.com/(${"a".repeat(300)})`,
    "https://example.com/(a(?=b)ab)",
  ]
  for (const pattern of refused) assert.throws(() => compileUrlPattern(pattern, BASE), RangeError, pattern)
})

/** Pieces of patterns and topics that meet in many ways. */
const PATTERN_PIECES =
  "/ a b :x :y * {/a}? {/:z}? {b}* {a}+ :w+ /:v* /:u? {/:s.a}+ \\: %20 é (\\d+) (a|b)? {a:r}* {:q}? . {a*b}? {a*b}+".split(
    " ",
  )
const PATTERN_STARTS = ["/", "https://e.com/", "https://*.e.com/", "http{s}?://e.com/", "urn:", "https://e.com:*/", "*"]
const TOPIC_PIECES = "/ a b 1 12 . : é %20 %2F aa ab /a * ?x #y".split(" ")
const TOPIC_STARTS = [
  "/",
  "https://e.com/",
  "https://x.e.com/",
  "http://e.com/",
  "urn:",
  "https://e.com:8080/",
  "https://u@e.com/",
  "",
]

test("random URL patterns and topics match as in URLPattern, and the index of a pattern holds its topics", () => {
  const seed = Number(process.env["SEED"] ?? Date.now() % 1e6)
  let state = seed
  const below = (count: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * count)
  }
  const text = (starts: readonly string[], pieces: readonly string[]): string =>
    [starts[below(starts.length)], ...Array.from({ length: below(6) }, () => pieces[below(pieces.length)])].join("")
  const Native = globalThis.URLPattern ?? Polyfill
  for (let i = 0; i < 600; i++) {
    const pattern = text(PATTERN_STARTS, PATTERN_PIECES)
    if (!isUrlPattern(() => new Native(pattern, BASE))) {
      assert.throws(() => compileUrlPattern(pattern, BASE), RangeError, `seed ${seed}: ${pattern}`)
      continue
    }
    const native = new Native(pattern, BASE)
    const own = compileUrlPattern(pattern, BASE)
    for (let k = 0; k < 6; k++) {
      const topic = text(TOPIC_STARTS, TOPIC_PIECES)
      // urlpattern-polyfill 10.1.0 says that `https://e.com:*/*` does not match `https://e.com:8080//`, which Node 24 and browsers deny
      if (Native === Polyfill && /[^:]\/\//.test(topic)) continue
      const expected = native.test(topic, BASE)
      assert.equal(own.matches(topic), expected, `seed ${seed}: ${pattern} ${topic}`)
      if (expected) assert.ok(isIndexed(own.prefix, own.normalize(topic) ?? ""), `seed ${seed}: ${own.prefix} ${topic}`)
    }
  }
})

function isUrlPattern(make: () => unknown): boolean {
  try {
    make()
    return true
  } catch {
    return false
  }
}

/** Whether a text begins with the literals, with one path segment between two. */
function isIndexed([first = "", ...rest]: readonly string[], text: string): boolean {
  if (!text.startsWith(first)) return false
  let at = first.length
  for (const literal of rest) {
    const end = text.indexOf("/", at) < 0 ? text.length : text.indexOf("/", at)
    if (end === at || !text.startsWith(literal, end)) return false
    at = end + literal.length
  }
  return true
}

test("hostile patterns and topics of 4,096 characters are matched in time linear in the topic", () => {
  const bombs = [
    compileUrlPattern("https://e.com/:ax*x*x*y", BASE).matches,
    compileUrlPattern(`https://e.com/${"*x".repeat(20)}y`, BASE).matches,
    compileUrlPattern("https://e.com/{x}+{x}*{x}+{x}*{:a}*{:b}+y", BASE).matches,
    compileUrlPattern("https://e.com/(x+x+)+y", BASE).matches,
    compileTemplate(`https://e.com/${"{a}x".repeat(20)}y`),
    compileTemplate(`https://e.com/${"{/a*}".repeat(20)}y`),
  ]
  for (const [i, matches] of bombs.entries()) {
    const timeOf = (length: number): number => {
      const started = process.cpuUsage().user
      assert.equal(matches?.(`https://e.com/${"x".repeat(length - 14)}`), false)
      return process.cpuUsage().user - started
    }
    timeOf(4_096)
    // an exponential or quadratic match of these takes seconds or minutes: `URLPattern.test` takes 10 s for the first at 400 characters
    assert.ok(timeOf(4_096) < 500_000, `bomb ${i}`)
  }
})
