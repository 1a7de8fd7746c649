// What stays on the heap, in bytes; run with --expose-gc. The first argument says of what, the second in which parser.
import { createParser, createSmallParser, type ParserHandlers, type SmallParser } from "../../../src/protocol/index.ts"

/** Its limit is in UTF-16 units, and a reset is what makes it drop things. */
const isSmall = process.argv[3] === "createSmallParser"

const MIB = 1024 * 1024
const encoder = new TextEncoder()
const kept: unknown[] = []

function held(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, external } = process.memoryUsage()
  return heapUsed + Math.max(arrayBuffers, external)
}

function make(handlers: ParserHandlers, limit = 16 * MIB): Pick<SmallParser, "feed" | "reset"> {
  return isSmall
    ? createSmallParser(handlers, { maxEventChars: limit })
    : createParser(handlers, { maxEventBytes: limit })
}

/** Pushes `chunk` until the parser refuses it. */
function flood(first: string, chunk: string, limit: number): void {
  const parser = make({ onEvent: () => {} }, limit)
  const bytes = encoder.encode(chunk)
  parser.feed(encoder.encode(first))
  kept.push(parser)
  let most = 0
  const often = Math.ceil(limit / bytes.length / 20)
  try {
    for (let i = 0; ; i++) {
      parser.feed(bytes)
      if (i % often === 0) most = Math.max(most, held())
    }
  } catch (error) {
    if (isSmall) parser.reset()
    report({ most: most - before, after: held() - before, error: (error as { code?: string }).code })
  }
}

/** What ten million lines of one event take, before it ends. */
function pile(line: string): void {
  let length = -1
  const parser = make({ onEvent: ({ data }) => void (length = data.length) })
  const chunk = encoder.encode(line.repeat(10_000))
  for (let i = 0; i < 1_000; i++) parser.feed(chunk)
  const most = held() - before
  parser.feed(encoder.encode("data\n\n"))
  report({ most, kept: length })
}

function report(values: object): void {
  console.log(JSON.stringify(values))
}

/** Keeps one event's strings of each of 2,000 chunks. */
function keep(chunk: (i: number) => string): void {
  const parser = make({ onEvent: (event) => void (event.data.startsWith("keep") && kept.push(event)) })
  for (let i = 0; i < 2_000; i++) parser.feed(encoder.encode(chunk(i)))
  report({ kept: kept.length, after: held() - before })
}

const small = (i: number): string => `data: ${String(i).padStart(46, "x")}\n\n`
const many = Array.from({ length: 1_200 }, (_, i) => small(i)).join("")
const large = `data: ${"y".repeat(65_536)}\n\n`
const chosen = (i: number): string =>
  `id: ${"id".repeat(10)}${i}\nevent: ${"name".repeat(5)}\ndata: keep ${String(i).padStart(41, "z")}\n\n`

const programs: Record<string, () => void> = {
  "one of many": () => keep((i) => chosen(i) + many),
  "one of many, by CR": () => keep((i) => (chosen(i) + many).replaceAll("\n", "\r")),
  "one of many, not ASCII": () => keep((i) => chosen(i) + many.replaceAll("x1", "é1")),
  "small before large": () => keep((i) => chosen(i) + large),
  "small after large": () => keep((i) => large + chosen(i)),
  "one line": () => flood("data: ", "x".repeat(65_536), 16 * MIB),
  "one line, not ASCII": () => flood("data: ", "火".repeat(21_845), isSmall ? 8 * MIB : 16 * MIB),
  "tiny data lines": () => flood("", "data\n".repeat(10_000), MIB),
  "tiny data lines, one by one": () => flood("", "data\n", 4_096),
  "one line, byte by byte": () => flood("data: ", "x", 4 * MIB),
  "ten million data lines": () => pile("data\n"),
  "ten million id lines": () => pile("id: 1\n"),
  "ten million comments": () => pile(":\n"),
  "tiny id lines": () => keep(() => "id: 1\n".repeat(500)),
}

// what the modules and the first calls need is not what is asked
make({ onEvent: () => {} }).feed(encoder.encode(many))
const before = held()
programs[process.argv[2] ?? ""]?.()
