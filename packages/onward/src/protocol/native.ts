/**
 * Bytes to text, and byte searches, by the fastest way the platform has. Node's Buffer methods also work on a plain
 * Uint8Array and, unlike TextDecoder, take a range: no view is made per call. Everywhere else the standard ones serve.
 */
type Slice = (this: Uint8Array, start: number, end: number) => string
type Search = (this: Uint8Array, byte: number, from?: number) => number

const {
  utf8Slice,
  indexOf: first,
  lastIndexOf: last,
} = (globalThis as { Buffer?: { prototype: { utf8Slice?: Slice; indexOf?: Search; lastIndexOf?: Search } } }).Buffer
  ?.prototype ?? {}

/** The byte order mark is the parser's business: only the first one of a stream is dropped. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })

/** Whether `run` does what is asked of it here on a plain Uint8Array; other runtimes have a Buffer of their own. */
function works(run: (bytes: Uint8Array) => unknown, expected: unknown): boolean {
  try {
    return run(Uint8Array.of(0xef, 0xbb, 0xbf, 0x0a, 0xe2, 0x82, 0x0a)) === expected
  } catch {
    return false
  }
}

/** UTF-8 in `bytes[start, end)` as text, by the replacement rules of WHATWG Encoding section 4. U+FEFF is kept. */
export const decode: (bytes: Uint8Array, start: number, end: number) => string =
  utf8Slice && works((bytes) => utf8Slice.call(bytes, 0, 6), "\ufeff\n\ufffd")
    ? (bytes, start, end) => utf8Slice.call(bytes, start, end)
    : (bytes, start, end) => decoder.decode(bytes.subarray(start, end))

/** First place of `byte` at or after `from`, else -1. */
export const indexOf: (bytes: Uint8Array, byte: number, from: number) => number =
  first && works((bytes) => first.call(bytes, 0x0a, 4), 6)
    ? (bytes, byte, from) => first.call(bytes, byte, from)
    : (bytes, byte, from) => bytes.indexOf(byte, from)

/** Last place of `byte`, else -1. */
export const lastIndexOf: (bytes: Uint8Array, byte: number) => number =
  last && works((bytes) => last.call(bytes, 0x0a), 6)
    ? (bytes, byte) => last.call(bytes, byte)
    : (bytes, byte) => bytes.lastIndexOf(byte)
