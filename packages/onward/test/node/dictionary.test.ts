import assert from "node:assert/strict"
import { test } from "node:test"
import { gunzipSync } from "node:zlib"
import { Frame } from "../../src/frame.ts"
import { Blocks, type Coder } from "../../src/node/coder.ts"
import { coders } from "../../src/node/coding.ts"
import { Dictionary, dictionaryOf, History, type Member } from "../../src/node/dictionary.ts"
import { CompressSink } from "../../src/node/compress-sink.ts"
import { Compressed } from "./compressed.ts"

/** A coder whose blocks say what was compressed, after which history. */
function createCoder() {
  const compressed: string[] = []
  const coder: Coder = {
    head: new Blocks(Buffer.from("head")),
    historyBytes: [10, 40],
    hasChecksum: false,
    compress(bytes, history) {
      const text = Buffer.from(bytes).toString()
      compressed.push(history ? `${Buffer.from(history).toString()}>${text}` : text)
      return new Blocks(Buffer.from(compressed.at(-1) as string))
    },
    contentOf: (bytes) => bytes,
    store: (bytes) => new Blocks(bytes),
    endOf: () => new Blocks(Buffer.from("end")),
  }
  return { coder, compressed, look: () => compressed.splice(0) }
}

const lettersOf = (n: number): Buffer => Buffer.from(Array.from({ length: n }, (_, i) => 97 + (i % 26)))

test("a history is twice as long as the largest recent content, within its bounds, and shrinks slowly", () => {
  const { coder, look } = createCoder()
  const history = new History(coder)
  assert.equal(history.isEmpty, true)
  const lengthAfter = (size: number): number => {
    history.append(lettersOf(size))
    history.compress(Buffer.from(""))
    return (look()[0] as string).length - 1
  }
  const sizes = [3, 4, 4, 9, 30, 50, ...Array.from({ length: 11 }, () => 1)]
  // of 100 an eighth less each time: 88, 77, 68, 60, 53, 47, 42, 37, 33, 29, 26
  assert.deepEqual(sizes.map(lengthAfter), [3, 7, 10, 18, 40, 40, 40, 40, 40, 40, 40, 40, 40, 37, 33, 29, 26])
  history.clear()
  assert.equal(history.isEmpty, true)
})

test("a history is the end of the content, and refers to no longer one", () => {
  const { coder, look } = createCoder()
  const history = new History(coder)
  const content = lettersOf(5)
  history.append(content)
  content.fill("!")
  history.append(Buffer.from("0123456"))
  history.compress(Buffer.from("x"))
  assert.deepEqual(look(), ["abcde0123456>x"])
  history.append(lettersOf(50))
  history.compress(Buffer.from("x"))
  assert.deepEqual(look(), [`${lettersOf(50).subarray(10).toString()}>x`])
})

const members = (count: number): Member[] => Array.from({ length: count }, () => ({ frameNumber: -1 }))

/** Gives a frame to all; returns the text of what each got. */
const give = (dictionary: Dictionary, frame: string | Frame, to: readonly Member[]): string[] => {
  const shared = typeof frame === "string" ? new Frame(frame) : frame
  return to.map((member) => Buffer.from(dictionary.take(shared, member).bytes).toString())
}

test("streams that received the same share a block, and others get one that stands alone until as many have waited", () => {
  const { coder, look } = createCoder()
  const dictionary = new Dictionary(coder)
  const [a, b, c] = members(3) as [Member, Member, Member]
  assert.deepEqual(give(dictionary, "1", [a, b]), ["1", "1"])
  assert.deepEqual(give(dictionary, "2", [a, b, c]), ["1>2", "1>2", "2"])
  assert.deepEqual(give(dictionary, "3", [a, b, c]), ["12>3", "12>3", "3"])
  assert.deepEqual(give(dictionary, "4", [a, b, c]), ["4", "4", "4"], "a key frame: both have cost the same")
  assert.deepEqual(give(dictionary, "5", [a, b, c]), ["4>5", "4>5", "4>5"])
  assert.deepEqual(look(), ["1", "1>2", "2", "12>3", "3", "4", "4>5"], "each is compressed once")
})

test("a stream that received other bytes stands alone, and does not change the others", () => {
  const { coder } = createCoder()
  const dictionary = new Dictionary(coder)
  const [a, b, c, ...others] = members(6) as [Member, Member, Member]
  give(dictionary, "1", [a, b, c, ...others])
  dictionary.leave(a)
  dictionary.leave(a)
  assert.deepEqual(give(dictionary, "2", [a, b, c, ...others]).slice(0, 3), ["2", "1>2", "1>2"])
  // one that missed a frame has not the same bytes either
  give(dictionary, "3", [b, ...others])
  assert.deepEqual(give(dictionary, "4", [b, c]), ["123>4", "4"])
  dictionary.leave(b)
  assert.deepEqual(give(dictionary, "5", [b]), ["5"])
})

test("at the latest after 64 frames a key frame comes, if a stream waits for it", () => {
  for (const isWaiting of [true, false]) {
    const { coder } = createCoder()
    const dictionary = new Dictionary(coder)
    const early = members(100)
    const late = members(1)
    give(dictionary, "x", early)
    const keys: number[] = []
    for (let n = 2; n <= 140; n++) {
      const got = give(dictionary, "x", [...early, ...(isWaiting && n < 66 ? late : [])])
      if (!got[0]?.includes(">")) keys.push(n)
    }
    assert.deepEqual(keys, isWaiting ? [65] : [])
  }
})

test("audiences and coders have dictionaries of their own, but a frame is compressed alone once for each coder", () => {
  const { coder, look } = createCoder()
  const other = createCoder()
  const [one, two] = [{}, {}]
  assert.equal(dictionaryOf(one, coder), dictionaryOf(one, coder))
  assert.notEqual(dictionaryOf(one, coder), dictionaryOf(two, coder))
  assert.notEqual(dictionaryOf(one, coder), dictionaryOf(one, other.coder))
  const frame = new Frame("1")
  for (const [audience, by] of [
    [one, coder],
    [two, coder],
    [one, other.coder],
  ] as const)
    give(dictionaryOf(audience, by), frame, members(1))
  assert.deepEqual([look(), other.look()], [["1"], ["1"]])
})

test("a stream ends once, and one that is dropped has no end", () => {
  for (const abort of [false, true]) {
    const { coder } = createCoder()
    const written: string[] = []
    const closed: unknown[] = []
    const inner = {
      owner: undefined,
      write: ({ bytes }: { bytes: Uint8Array }) => written.push(Buffer.from(bytes).toString()) < 3,
      close: (options?: unknown) => void closed.push(options),
    }
    const sink = new CompressSink(inner, coder, { isAlone: false })
    assert.equal(sink.writeText("a"), true)
    assert.equal(sink.writeText("b"), false)
    sink.close({ abort })
    sink.close(abort ? { abort } : undefined)
    assert.deepEqual(written, abort ? ["head", "a", "b"] : ["head", "a", "b", "end"])
    assert.deepEqual(closed, [{ abort }, abort ? { abort } : undefined])
  }
})

test("up to 1,023 bytes for one stream are stored as they are", () => {
  const { coder, look } = createCoder()
  const sink = new CompressSink({ owner: undefined, write: () => true, close() {} }, coder, { isAlone: false })
  sink.writeText("x".repeat(1_023))
  assert.deepEqual(look(), [])
  sink.writeText("x".repeat(1_024))
  assert.equal(look().length, 1)
})

test("the head of a stream is the shortest that its coding has", () => {
  assert.deepEqual([...(coders.gzip as Coder).head.bytes], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])
  if (coders.zstd) assert.deepEqual([...coders.zstd.head.bytes], [0x28, 0xb5, 0x2f, 0xfd, 0, 9 << 3])
})

test("gzip: length and sum are right for streams of shared and own blocks, of any length", () => {
  const audience = {}
  const streams = Array.from({ length: 3 }, () => new Compressed("gzip"))
  for (let n = 0; n < 60; n++) {
    const frame = new Frame(`${n} ${"é".repeat((n * 97) % 700)}`)
    for (const [i, stream] of streams.entries()) {
      if ((n + i) % 7 === 0) stream.writeText(`own ${i} ${"y".repeat((n * 131) % 2_000)}`)
      stream.write(frame, audience)
    }
  }
  for (const stream of streams) {
    stream.close()
    assert.equal(gunzipSync(stream.bytes).toString(), stream.text)
  }
})
