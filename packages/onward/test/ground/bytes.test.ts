import assert from "node:assert/strict"
import { test } from "node:test"
import { byteLength } from "../../src/bytes.ts"
import { Chance } from "../hub/simulation/chance.ts"

/** The same module as it is where there is no `Buffer`: in a browser. */
async function withoutBuffer(): Promise<typeof byteLength> {
  const { Buffer } = globalThis
  const specifier = "../../src/bytes.ts?without-buffer"
  try {
    Object.defineProperty(globalThis, "Buffer", { value: undefined, configurable: true, writable: true })
    const module = (await import(specifier)) as { byteLength: typeof byteLength }
    return module.byteLength
  } finally {
    Object.defineProperty(globalThis, "Buffer", { value: Buffer, configurable: true, writable: true })
  }
}

const UNITS = ["a", "\u007f", "\u0080", "\u07ff", "\u0800", "\uffff", "\ud7ff", "\ue000", "🦊", "\ud83e", "\udd8a"]

test("the byte length of text is that of encoders, with and without Buffer", async () => {
  const counted = await withoutBuffer()
  assert.notEqual(counted, byteLength)
  const encoder = new TextEncoder()
  const chance = new Chance(3)
  for (let i = 0; i < 5_000; i++) {
    let text = ""
    for (let j = chance.below(12); j > 0; j--) text += chance.pick(UNITS)
    const expected = encoder.encode(text).length
    assert.equal(byteLength(text), expected, JSON.stringify(text))
    assert.equal(counted(text), expected, JSON.stringify(text))
    assert.equal(Buffer.byteLength(text), expected)
  }
})
