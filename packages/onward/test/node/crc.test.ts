import assert from "node:assert/strict"
import { test } from "node:test"
import { crc32 } from "node:zlib"
import { joinCrc, shiftOf } from "../../src/node/crc.ts"

test("the CRC of two parts equals that of both together, for any lengths", () => {
  for (const [first, second] of [
    [0, 0],
    [0, 1],
    [1, 0],
    [3, 5],
    [1_000, 65_536],
    [70_001, 200_003],
  ] as const) {
    const bytes = Buffer.from(Array.from({ length: first + second }, (_, i) => (i * 31 + (i >> 5)) & 0xff))
    const joined = joinCrc(crc32(bytes.subarray(0, first)), crc32(bytes.subarray(first)), shiftOf(second))
    assert.equal(joined >>> 0, crc32(bytes), `${first} and ${second} bytes`)
  }
})
