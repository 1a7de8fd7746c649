import assert from "node:assert/strict"
import { test } from "node:test"
import { Frame } from "../../src/frame.ts"

const texts = ["a", "data: plain\n\n", "data: größe 東京 🦊\n\n", "x".repeat(15), "x".repeat(16), "é".repeat(70_000)]

for (const text of texts) {
  test(`a frame of ${text.length} characters (${JSON.stringify(text.slice(0, 12))}…) is the same bytes, bare and as an HTTP chunk`, () => {
    const frame = new Frame(text)
    const bytes = Buffer.from(text)
    assert.deepEqual(Buffer.from(frame.bytes), bytes)
    const size = `${bytes.length.toString(16)}\r\n`
    assert.deepEqual(Buffer.from(frame.chunk), Buffer.concat([Buffer.from(size), bytes, Buffer.from("\r\n")]))
  })
}

for (const text of ["data: \ufeffshort\n\n", `data: \ufeff${"é".repeat(70_000)}\n\n`]) {
  test(`a frame of ${text.length} characters has the same text and bytes, whichever was made first`, () => {
    const frame = new Frame(text).encode()
    assert.equal(frame.text, text)
    assert.deepEqual(Buffer.from(frame.bytes), Buffer.from(text))
    assert.equal(frame.size, Buffer.byteLength(text))
    assert.deepEqual([...frame.chunk.subarray(-2)], [13, 10])
  })
}

test("a frame is encoded once, for all its readers", () => {
  const frame = new Frame("data: shared\n\n")
  assert.equal(frame.bytes, frame.bytes)
  assert.equal(frame.chunk, frame.chunk)
})
