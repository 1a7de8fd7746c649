import assert from "node:assert/strict"
import { test } from "node:test"
import { cutAt, feed, feedSmall, PARSERS } from "./feed.ts"
import { interpret, measure, weigh } from "./reference.ts"
import { chance, seed } from "./seed.ts"

/** What streams are made of, and what breaks them. */
const PIECES = [
  "\n|\n|\n|\n|\r|\r|:| |a|b|d|e|i|0|data: |data:|data|event: |event:|id: |id|retry: |retry|datax|even|\r\n|\r\n\r\n",
  "\n\n|data: x\n\n|12|\0|é|火|🦊|\ufeff|\ufffd|data: a fair amount of text, so that it is not copied\n",
]
  .flatMap((list) => list.split("|"))
  .map((text) => Buffer.from(text))
/** Bytes that are no UTF-8: truncated, overlong, a surrogate, a stray continuation. */
const BROKEN = ["ff", "e282", "f09fa6", "c0af", "eda080", "80", "efbb"].map((hex) => Buffer.from(hex, "hex"))

function stream(): Uint8Array {
  const pieces = Array.from({ length: chance.below(60) }, () => chance.pick(chance.percent(5) ? BROKEN : PIECES))
  if (chance.percent(10)) pieces.unshift(Buffer.from("\ufeff"))
  if (chance.percent(5)) pieces.push(Buffer.from("xé火🦊".repeat(chance.below(8_000)) + "\n\n"))
  if (chance.percent(5)) pieces.push(Buffer.from("data: 火\n\n".repeat(chance.below(3_000))))
  return Uint8Array.from(Buffer.concat(pieces))
}

function cuts(length: number): number[] {
  const all = Array.from({ length: chance.below(12) }, () => chance.below(length + 1))
  return all.sort((a, b) => a - b)
}

for (const { name, feed } of PARSERS)
  test(`bytes cut anywhere are parsed as the standard says: ${name}`, () => {
    for (let i = 0; i < 2_500; i++) {
      const bytes = stream()
      const at = cuts(bytes.length)
      const { ids, ...rest } = interpret(bytes)
      const expected = feed === feedSmall ? rest : { ...rest, ids }
      const how = `SEED=${seed}, stream ${i} cut at ${at}`
      assert.deepEqual(feed(cutAt(bytes, at)), expected, how)
      if (i % 16 === 0) assert.deepEqual(feed([...bytes].map((byte) => Uint8Array.of(byte))), expected, how)
    }
  })

test("whether an event is too large depends on its bytes only, not on the chunks", () => {
  for (let i = 0; i < 2_500; i++) {
    const bytes = Buffer.from(Buffer.from(stream()).toString())
    const at = cuts(bytes.length)
    const chunks = cutAt(bytes, at)
    const most = weigh(bytes)
    const how = `SEED=${seed}, stream ${i} cut at ${at}, ${most} bytes`
    assert.deepEqual(feed(chunks, { maxEventBytes: most }), interpret(bytes), how)
    if (most > 1) assert.throws(() => feed(chunks, { maxEventBytes: most - 1 }), { code: "event_too_large" }, how)
  }
})

test("the small parser accepts data within its limit, and refuses data beyond it, in any chunks", () => {
  for (let i = 0; i < 2_500; i++) {
    const bytes = Buffer.from(Buffer.from(stream()).toString())
    const at = cuts(bytes.length)
    const chunks = cutAt(bytes, at)
    const { data, most } = measure(bytes)
    const how = `SEED=${seed}, stream ${i} cut at ${at}, ${data} of data, ${most} at most`
    const { ids: _, ...expected } = interpret(bytes)
    assert.deepEqual(feedSmall(chunks, { maxEventChars: most }), expected, how)
    if (data > 0) assert.throws(() => feedSmall(chunks, { maxEventChars: data - 1 }), { code: "event_too_large" }, how)
  }
})

test("text in strings is parsed like its bytes, even cut inside a surrogate pair", () => {
  for (let i = 0; i < 2_000; i++) {
    const text = Buffer.from(stream()).toString().slice(0, 500)
    const at = cuts(text.length)
    const chunks = [0, ...at].map((cut, n) => text.slice(cut, at[n]))
    assert.deepEqual(feed(chunks), interpret(Buffer.from(text)), `SEED=${seed}, text ${i} cut at ${at}`)
  }
})
