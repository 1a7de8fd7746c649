import assert from "node:assert/strict"
import { test } from "node:test"
import { readMessages } from "../src/messages.ts"

const JSON_TYPE = "application/json"
const LINES = "application/x-ndjson"
const FORM = "application/x-www-form-urlencoded"

const WRITTEN = [
  "1.10",
  "123456789.123456789",
  "12345678901234567890",
  "1.0e-7",
  "-0",
  "1E5",
  '[1.10,{"a":1e400}]',
  "null",
  "true",
]

test("data that is not a string is kept as it was written, in a message, a batch and lines", () => {
  for (const data of WRITTEN) {
    const text = `{"topic":"a","data": ${data} }`
    for (const [type, body] of [
      [JSON_TYPE, text],
      [JSON_TYPE, `[${text}]`],
      [LINES, `${text}\n`],
    ] as const) {
      assert.deepEqual(readMessages(type, body).messages, [{ topic: "a", data }])
    }
  }
  const [message] = readMessages(JSON_TYPE, '{"topic":"a","data":"1.10 \\u00e9"}').messages
  assert.deepEqual(message, { topic: "a", data: "1.10 é" })
})

const TOO_MUCH: Record<string, [type: string, body: string, status: number, code: string]> = {
  "600,000 fields in a form": [
    FORM,
    Array.from({ length: 600_000 }, (_, i) => `a${i.toString(36)}`).join("&"),
    400,
    "invalid_message",
  ],
  "a form of separators": [FORM, `${"&".repeat(4_000_000)}x=1`, 200, ""],
  "two million lines": [LINES, "{}\n".repeat(1_300_000), 413, "batch_too_large"],
  "four million empty lines": [LINES, "\n".repeat(4_000_000), 200, ""],
  "a million messages": [JSON_TYPE, `[${"{},".repeat(1_000_000)}{}]`, 413, "batch_too_large"],
  "a million fields": [
    JSON_TYPE,
    `{${Array.from({ length: 300_000 }, (_, i) => `"${i}":1`).join(",")}}`,
    400,
    "invalid_message",
  ],
  "a million brackets": [JSON_TYPE, `{"data":${"[".repeat(1_000_000)}`, 400, "invalid_body"],
  "a million values": [JSON_TYPE, `{"topic":"a","data":[${"1,".repeat(1_000_000)}1]}`, 200, ""],
}

for (const [name, [type, body, status, code]] of Object.entries(TOO_MUCH)) {
  test(`${name}: counted before values are created`, (t) => {
    const parse = t.mock.method(JSON, "parse")
    const decode = t.mock.method(TextDecoder.prototype, "decode")
    let answer: readonly [number, string] = [200, ""]
    try {
      readMessages(type, body)
    } catch (error) {
      const problem = error as { status: number; code: string; message: string }
      answer = [problem.status, problem.code]
      assert.ok(problem.message.length < 300)
    }
    assert.deepEqual(answer, [status, code])
    // a thousand messages or sixteen fields, each with a name and a value
    assert.ok(parse.mock.callCount() + decode.mock.callCount() <= 2_000)
  })
}

test("a form is decoded like by URLSearchParams, or refused", () => {
  const decoded = (value: string) => readMessages(FORM, `data=${value}`).messages[0]?.data
  for (const value of ["a+b%20c", "%C3%A9é🦊%f0%9f%a6%8a", "%2B%26%3d", "%EF%BB%BFx", "x=y=z", "%00"]) {
    assert.equal(decoded(value), new URLSearchParams(`data=${value}`).get("data"), value)
  }
  for (const value of ["%", "%4", "%g0", "%0g", "%ff", "%C3", "%-1", "%é0"]) {
    assert.throws(() => decoded(value), { status: 400, code: "invalid_body" }, value)
  }
})

test("an error repeats at most 64 characters of a name", () => {
  const name = "x".repeat(1_000_000)
  assert.throws(
    () => readMessages(FORM, `${name}=1&${name}=2`),
    ({ message }: Error) => message.length < 200,
  )
  const [message] = readMessages(JSON_TYPE, `{"${name}":1}`).messages
  assert.equal(Object.keys(message ?? {})[0]?.length, 65)
})
