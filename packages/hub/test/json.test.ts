import assert from "node:assert/strict"
import { test } from "node:test"
import { seededRandom } from "../../onward/src/seeded-random.ts"
import { compact, JsonReader, parseJson } from "../src/json.ts"

const refused = { name: "HttpError", status: 400, code: "invalid_body" }

function isRead(text: string): boolean {
  const reader = new JsonReader(text)
  try {
    reader.skip()
    reader.end()
    return true
  } catch (error) {
    assert.equal((error as { code?: string }).code, "invalid_body")
    return false
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function chanceOf(seed: number): (below: number) => number {
  const random = seededRandom(seed)
  return (below) => Math.floor(random() * below)
}

const PIECES = [
  ...'{}[],:"\\ \n\t-+.eE0123u\u0001é'.split(""),
  ...[
    '"a"',
    '"\\u00e9"',
    "true",
    "false",
    "null",
    "1.10",
    "-0",
    "1e5",
    "01",
    "[]",
    "{}",
    '{"a":',
    "[1,",
    "]]",
    '\\"',
    "🦊",
  ],
]

test("the reader accepts and refuses the same texts as JSON.parse", () => {
  const below = chanceOf(7)
  let valid = 0
  for (let i = 0; i < 30_000; i++) {
    let text = ""
    for (let pieces = below(7) + 1; pieces > 0; pieces--) text += PIECES[below(PIECES.length)]
    assert.equal(isRead(text), isJson(text), JSON.stringify(text))
    if (isRead(text)) valid++
  }
  assert.ok(valid > 800, `${valid} valid`)
})

test("JSON changed at one position is read or refused like by JSON.parse", () => {
  const whole = '{"a": [1, -2.5e-7, {"b": "x\\n\\u0041", "c": null}], "d": true, "é": ["", [], {}]}'
  assert.ok(isRead(whole))
  for (let at = 0; at <= whole.length; at++) {
    for (const piece of ["", ...PIECES]) {
      for (const cut of [0, 1]) {
        const text = whole.slice(0, at) + piece + whole.slice(at + cut)
        assert.equal(isRead(text), isJson(text), text)
      }
    }
  }
})

test("white space between tokens is removed, and everything else is unchanged", () => {
  assert.equal(
    compact('{ "a b" :\t[ 1.10 ,\r\n 123456789.123456789 , "\\" \\\\" , " é🦊\\n" ] }'),
    '{"a b":[1.10,123456789.123456789,"\\" \\\\"," é🦊\\n"]}',
  )
  const below = chanceOf(8)
  for (let i = 0; i < 20_000; i++) {
    let text = ""
    for (let pieces = below(7) + 1; pieces > 0; pieces--) text += PIECES[below(PIECES.length)]
    if (isJson(text)) assert.deepEqual(JSON.parse(compact(text)), JSON.parse(text), text)
  }
})

test("depth and number of values are counted before any value is created", (t) => {
  const parse = t.mock.method(JSON, "parse")
  for (const text of [
    "[".repeat(1_000_000),
    `${"[".repeat(65)}${"]".repeat(65)}`,
    `[${"1,".repeat(10_000)}1]`,
    '{"a":'.repeat(70),
  ]) {
    assert.throws(() => parseJson(text), refused)
  }
  assert.equal(parse.mock.callCount(), 0)
  assert.deepEqual(parseJson(`${"[".repeat(64)}1${"]".repeat(64)}`), JSON.parse(`${"[".repeat(64)}1${"]".repeat(64)}`))
})
