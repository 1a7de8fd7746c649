// What stays on the heap, in bytes; run with --expose-gc. The argument says of what.
import { createParser, type ParserOptions } from "../../../src/protocol/index.ts"

const MIB = 1024 * 1024
const encoder = new TextEncoder()
const kept: unknown[] = []

function held(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, arrayBuffers, external } = process.memoryUsage()
  return heapUsed + Math.max(arrayBuffers, external)
}

/** Pushes `chunk` until the parser refuses it. */
function flood(first: string, chunk: string, options: ParserOptions): void {
  const parser = createParser({ onEvent: () => {} }, options)
  const bytes = encoder.encode(chunk)
  parser.push(first)
  kept.push(parser)
  let most = 0
  const often = Math.ceil((options.maxEventBytes ?? 0) / bytes.length / 20)
  try {
    for (let i = 0; ; i++) {
      parser.push(bytes)
      if (i % often === 0) most = Math.max(most, held())
    }
  } catch (error) {
    report({ most: most - before, after: held() - before, error: (error as { code?: string }).code })
  }
}

function report(values: object): void {
  console.log(JSON.stringify(values))
}

/** Keeps one event's strings of each of 2,000 chunks. */
function keep(chunk: (i: number) => string): void {
  const parser = createParser({ onEvent: (event) => void (event.data.startsWith("keep") && kept.push(event)) })
  for (let i = 0; i < 2_000; i++) parser.push(encoder.encode(chunk(i)))
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
  "one line": () => flood("data: ", "x".repeat(65_536), { maxEventBytes: 16 * MIB }),
  "one line, not ASCII": () => flood("data: ", "火".repeat(21_845), { maxEventBytes: 16 * MIB }),
  "tiny data lines": () => flood("", "data\n".repeat(10_000), { maxEventBytes: MIB }),
  "tiny data lines, one by one": () => flood("", "data\n", { maxEventBytes: 4_096 }),
  "tiny id lines": () => keep(() => "id: 1\n".repeat(500)),
}

// what the modules and the first calls need is not what is asked
createParser({ onEvent: () => {} }).push(encoder.encode(many))
const before = held()
programs[process.argv[2] ?? ""]?.()
