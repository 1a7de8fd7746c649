import assert from "node:assert/strict"
import { test } from "node:test"
import * as native from "../../src/protocol/native.ts"
import { chance, seed } from "./seed.ts"

/** The same module as it is with another Buffer, or none. */
async function withBuffer(buffer: unknown, name: string): Promise<typeof native> {
  const { Buffer } = globalThis
  const specifier = `../../src/protocol/native.ts?${name}`
  try {
    Object.defineProperty(globalThis, "Buffer", { value: buffer, configurable: true, writable: true })
    return (await import(specifier)) as typeof native
  } finally {
    Object.defineProperty(globalThis, "Buffer", { value: Buffer, configurable: true, writable: true })
  }
}

const WRONG = {
  prototype: {
    utf8Slice: () => "no",
    indexOf: () => {
      throw new TypeError("not a Buffer")
    },
    lastIndexOf: () => -2,
  },
}
const BYTES = [
  10, 13, 97, 0x80, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0xa6, 0x8a, 0xef, 0xbb, 0xbf, 0xed, 0xa0, 0xff,
]

test("text and positions are the same with Buffer, without it, and with one that behaves differently", async () => {
  const others = [await withBuffer(undefined, "none"), await withBuffer(WRONG, "wrong")]
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  for (let i = 0; i < 5_000; i++) {
    const bytes = Uint8Array.from({ length: chance.below(40) }, () => chance.pick(BYTES))
    const start = chance.below(bytes.length + 1)
    const end = start + chance.below(bytes.length - start + 1)
    const how = `SEED=${seed}, ${bytes} from ${start} to ${end}`
    for (const { decode, indexOf, lastIndexOf } of [native, ...others]) {
      assert.equal(decode(bytes, start, end), decoder.decode(bytes.subarray(start, end)), how)
      assert.equal(indexOf(bytes, 10, start), bytes.indexOf(10, start), how)
      assert.equal(lastIndexOf(bytes, 10), bytes.lastIndexOf(10), how)
    }
  }
})
