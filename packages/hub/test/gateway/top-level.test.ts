import assert from "node:assert/strict"
import { test } from "node:test"
import { createTopLevel } from "../../src/gateway/top-level.ts"

const NAMES = ["stream", "model", "id"]

/** What is found in a text, however it is cut into pieces. */
function find(text: string | Buffer): Record<string, readonly unknown[]> {
  const bytes = Buffer.from(text as string)
  const all = [1, 2, 3, 7, bytes.length].map((size) => {
    const top = createTopLevel(NAMES)
    for (let at = 0; at < bytes.length; at += size) top.push(bytes.subarray(at, at + size))
    return Object.fromEntries(NAMES.map((name) => [name, top.valuesOf(name)]))
  })
  for (const each of all) assert.deepEqual(each, all[0])
  return all[0] as Record<string, readonly unknown[]>
}

const cases: [text: string, stream: unknown[], model: unknown[]][] = [
  ['{"stream":true,"model":"m"}', [true], ["m"]],
  ['\ufeff \n{ "stream" : true , "model" : "m" }', [true], ["m"]],
  ['{"a":{"stream":true},"b":[{"stream":true}],"stream":false}', [false], []],
  ['{"a":"\\"stream\\":true","model":"a\\"b\\\\"}', [], ['a"b\\']],
  ['{"a":"\\\\","stream":true}', [true], []],
  ['{"stre\\u0061m":true,"\\u006d\\u006f\\u0064\\u0065\\u006c":"m"}', [true], ["m"]],
  ['{"stream":true,"stream":false}', [true, false], []],
  ['{"model":{"id":"x"},"stream":"true"}', ["true"], [{ id: "x" }]],
  ['{"stream":true', [], []],
  ['{"stream":tru}', [undefined], []],
  ['{"stream":null,"model":12345678901234567890}', [null], [12345678901234567000]],
  ['[{"stream":true}]', [], []],
  ['"stream"', [], []],
  ["no JSON", [], []],
  ["", [], []],
  ['{}{"stream":true}', [], []],
  ['{"größe":"ü","stream":true}', [true], []],
  [`{"model":"${"m".repeat(3_000)}","stream":true}`, [true], [undefined]],
  [`{"${"m".repeat(3_000)}":1,"stream":true}`, [true], []],
  ["[".repeat(10), [], []],
  [`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)},"stream":true}`, [true], []],
]

for (const [text, stream, model] of cases) {
  test(`the top of ${JSON.stringify(text.slice(0, 70))} is read without parsing the rest`, () => {
    const found = find(text)
    assert.deepEqual(found["stream"], stream)
    assert.deepEqual(found["model"], model)
  })
}
