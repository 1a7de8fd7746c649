/** A stream to parse: its bytes as they would come off a socket. */
export interface Shape {
  readonly name: string
  readonly chunks: () => readonly Uint8Array[]
  /** The ratio against the peer that must be reached. */
  readonly target: number
}

const encoder = new TextEncoder()
const KIB = 1024

/** One token of a chat completion, about 190 bytes, as model servers send it. */
const token = (i: number): string =>
  `data: {"id":"chatcmpl-8a1b2c3d4e5f60718293","object":"chat.completion.chunk","created":1730000000,"model":"m-large",` +
  `"choices":[{"index":0,"delta":{"content":" word${i % 97}"},"finish_reason":null}]}\n\n`

const cjk = (i: number): string => `data: {"text":"${"東京の天気は晴れのち曇り、".repeat(5)}${i}"}\n\n`

const multi = (i: number): string =>
  `event: log\ndata: line one of entry ${i}, some forty characters\ndata: line two of entry ${i}, a stack frame at x.js:1\n` +
  `data: line three of entry ${i}, the end of it\n\n`

const mixed = (i: number): string =>
  [
    token(i),
    `event: tick\nid: 1730000000-${i}\ndata: {"symbol":"ACME","price":12.5}\n\n`,
    ": keep-alive\n\n",
    `data: first of ${i}\ndata: second\n\n`,
    `id: 1730000000-${i}\n\n`,
    `event: note\ndata: naïve café ${i}\n\n`,
  ].join("")

const heartbeats = (i: number): string => (i % 8 === 0 ? token(i) : ": keep-alive, nothing to say just now\n\n")

const crlf = (i: number): string =>
  `id: 1730000000-${i}\r\nevent: price.changed\r\ndata: {"symbol":"ACME","price":12.5,"volume":1000}\r\n\r\n`

/** `bytes` of what `block` writes for 0, 1, 2, …, as separate blocks. */
function blocks(block: (i: number) => string, bytes: number): Uint8Array[] {
  const list: Uint8Array[] = []
  for (let i = 0, size = 0; size < bytes; i++) {
    const text = encoder.encode(block(i))
    size += text.length
    list.push(text)
  }
  return list
}

/** Cuts a stream into chunks of `size` bytes, each with memory of its own as a socket's are. */
function cut(list: readonly Uint8Array[], size: number): Uint8Array[] {
  const whole = Buffer.concat(list)
  const chunks: Uint8Array[] = []
  for (let at = 0; at < whole.length; at += size) chunks.push(Uint8Array.from(whole.subarray(at, at + size)))
  return chunks
}

const MIB = KIB * KIB
const big = (size: number) => (): string => `data: ${"x".repeat(size)}\n\n`
const cutTo = (block: (i: number) => string, size: number, total = 2 * MIB): Uint8Array[] =>
  cut(blocks(block, total), size)

export const shapes: readonly Shape[] = [
  { name: "token 190 B, 64 KiB chunks", chunks: () => cutTo(token, 64 * KIB), target: 1.3 },
  { name: "token 190 B, one per chunk", chunks: () => blocks(token, 2 * MIB), target: 0.95 },
  { name: "token 190 B, 1-byte chunks", chunks: () => cutTo(token, 1, 256 * KIB), target: 2 },
  { name: "token 190 B, 16-byte chunks", chunks: () => cutTo(token, 16, MIB), target: 0.95 },
  { name: "token 190 B, 1460-byte chunks", chunks: () => cutTo(token, 1460), target: 0.95 },
  { name: "event 10 B, 64 KiB chunks", chunks: () => cutTo(() => "data: ab\n\n", 64 * KIB, 2 * MIB), target: 0.95 },
  { name: "event 10 B, one per chunk", chunks: () => blocks(() => "data: ab\n\n", 512 * KIB), target: 0.95 },
  { name: "event 1 kB, 64 KiB chunks", chunks: () => cutTo(big(1000), 64 * KIB), target: 0.95 },
  { name: "event 4 kB, 64 KiB chunks", chunks: () => cutTo(big(4000), 64 * KIB, 4 * MIB), target: 0.95 },
  { name: "event 16 kB, 64 KiB chunks", chunks: () => cutTo(big(16_000), 64 * KIB, 4 * MIB), target: 3 },
  { name: "event 16 kB, one per chunk", chunks: () => blocks(big(16_000), 4 * MIB), target: 3 },
  { name: "CRLF, named, id, 64 KiB chunks", chunks: () => cutTo(crlf, 64 * KIB), target: 0.95 },
  { name: "CRLF, named, id, one per chunk", chunks: () => blocks(crlf, MIB), target: 0.95 },
  {
    name: "CR only, named, id, 64 KiB chunks",
    chunks: () => cutTo((i) => crlf(i).replaceAll("\r\n", "\r"), 64 * KIB),
    target: 0.95,
  },
  { name: "CJK, 64 KiB chunks", chunks: () => cutTo(cjk, 64 * KIB), target: 0.95 },
  { name: "CJK, one per chunk", chunks: () => blocks(cjk, 2 * MIB), target: 0.95 },
  { name: "multi-line data, 64 KiB chunks", chunks: () => cutTo(multi, 64 * KIB), target: 0.95 },
  { name: "mixed fields, 64 KiB chunks", chunks: () => cutTo(mixed, 64 * KIB), target: 0.95 },
  { name: "mixed fields, 1460-byte chunks", chunks: () => cutTo(mixed, 1460), target: 0.95 },
  { name: "heartbeats, 64 KiB chunks", chunks: () => cutTo(heartbeats, 64 * KIB), target: 0.95 },
  { name: "one 8 MiB line, 1460-byte chunks", chunks: () => cutTo(big(8 * MIB), 1460, 8 * MIB), target: 0.95 },
  { name: "one 8 MiB line, 64 KiB chunks", chunks: () => cutTo(big(8 * MIB), 64 * KIB, 8 * MIB), target: 0.95 },
]

export interface Growing {
  readonly name: string
  readonly chunks: (size: number) => Uint8Array[]
  readonly size: number
}

/** Shapes that slow a careless parser down more than they grow: `size` doubles, and so should the time. */
export const growing: readonly Growing[] = [
  { name: "one line, 1-byte chunks", chunks: (size) => cutTo(big(size), 1, size), size: 2 * MIB },
  { name: "one line, 1460-byte chunks", chunks: (size) => cutTo(big(size), 1460, size), size: 4 * MIB },
  {
    name: "a CR ahead of LF lines, one chunk",
    chunks: (size) => cutTo((i) => (i === 0 ? "data: a\r\r" : "data: z\n\n"), 2 * size, size),
    size: MIB,
  },
  { name: "CR lines, one chunk", chunks: (size) => cutTo(() => "data: z\r\r", 2 * size, size), size: MIB },
  { name: "one event of tiny data lines", chunks: (size) => cutTo(() => "data\n", 64 * KIB, size), size: MIB },
  { name: "one event of tiny data lines, 1-byte chunks", chunks: (size) => cutTo(() => "data\n", 1, size), size: MIB },
]
