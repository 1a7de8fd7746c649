/**
 * The codec beside `eventsource-parser`: bytes in, events out, and bytes encoded.
 * Run: `node --conditions=onward-source bench/codec.ts [words a shape's name must hold]`
 *
 * Both parse the same chunks in the same process, turn by turn, so that what else the machine does hits both; the table has
 * medians, the ratio is the median of the rounds' ratios. The peer takes strings and gets them from one streaming
 * TextDecoder, as its readers must. Before timing, both are checked to give the same events.
 */
import { createHash } from "node:crypto"
import { createParser as createPeer } from "eventsource-parser"
import { createParser, encode, type WireMessage } from "onward/protocol"
import { growing, shapes, type Shape } from "./codec-shapes.ts"

const ROUNDS = 15
const SLICE = 25
const OPTIONS = { maxEventBytes: 64 * 1024 * 1024 }

type OnEvent = (event: { readonly event?: string | undefined; readonly data: string }) => void
type Run = (chunks: readonly Uint8Array[], onEvent: OnEvent) => void

const onward: Run = (chunks, onEvent) => {
  const parser = createParser({ onEvent }, OPTIONS)
  for (const chunk of chunks) parser.push(chunk)
  parser.end()
}

const peer: Run = (chunks, onEvent) => {
  const decoder = new TextDecoder()
  const parser = createPeer({ onEvent })
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
}

function fingerprint(run: Run, chunks: readonly Uint8Array[]): string {
  const hash = createHash("sha256")
  let count = 0
  run(chunks, ({ event = "message", data }) => {
    count++
    hash.update(`${event}\n${data.length}\n${data}`)
  })
  return `${count} events, ${hash.digest("hex")}`
}

let characters = 0
const count: OnEvent = ({ data }) => {
  characters += data.length
}

/** Milliseconds of processor time this process has used, its collector's and compiler's threads included. */
function processor(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Nanoseconds a pass takes, over as many passes as fit in a slice. */
function time(pass: () => void): number {
  let passes = 0
  const start = processor()
  let now = start
  for (; now - start < SLICE || passes < 2; now = processor()) {
    pass()
    passes++
  }
  return ((now - start) * 1e6) / passes
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

function compare({ name, chunks: make, target }: Shape): boolean {
  const chunks = make()
  const [ours, theirs] = [fingerprint(onward, chunks), fingerprint(peer, chunks)]
  if (ours !== theirs) throw new Error(`${name}: not the same events: ${ours}; eventsource-parser ${theirs}`)
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const times: Array<{ ours: number; theirs: number }> = []
  for (let round = -2; round < ROUNDS; round++) {
    const first = time(() => (round % 2 ? onward : peer)(chunks, count))
    const second = time(() => (round % 2 ? peer : onward)(chunks, count))
    if (round >= 0) times.push(round % 2 ? { ours: first, theirs: second } : { ours: second, theirs: first })
  }
  const ratio = median(times.map((t) => t.theirs / t.ours))
  const speed = (ns: number): string => ((bytes / ns) * 1000).toFixed(0)
  const [mine, other] = [median(times.map((t) => t.ours)), median(times.map((t) => t.theirs))]
  const reached = ratio >= target
  console.log(
    `| ${name.padEnd(34)} | ${speed(mine).padStart(6)} | ${speed(other).padStart(6)} | ${ratio.toFixed(2).padStart(5)} | ${target.toFixed(2)} | ${reached ? "" : "MISSED"}`,
  )
  return reached
}

/** How much longer twice the input takes: 2 when the time is linear. */
function growth(name: string, chunks: (size: number) => Uint8Array[], size: number): boolean {
  const [small, large] = [chunks(size), chunks(2 * size)]
  const ratios: number[] = []
  for (let round = -1; round < ROUNDS; round++) {
    const ratio = time(() => onward(large, count)) / time(() => onward(small, count))
    if (round >= 0) ratios.push(ratio)
  }
  const ratio = median(ratios)
  console.log(`| ${name.padEnd(44)} | ${ratio.toFixed(2).padStart(5)} |`)
  return ratio < 2.6
}

function throughput(name: string, message: (i: number) => WireMessage): void {
  const messages = Array.from({ length: 1000 }, (_, i) => message(i))
  const text = messages.map((m) => encode(m)).join("")
  const times = Array.from({ length: ROUNDS }, () =>
    time(() => {
      for (const m of messages) characters += encode(m).length
    }),
  )
  const ns = median(times) / messages.length
  console.log(
    `| ${name.padEnd(34)} | ${(1000 / ns).toFixed(2).padStart(6)} | ${((text.length / messages.length / ns) * 1000).toFixed(0).padStart(6)} |`,
  )
}

const words = process.argv.slice(2)
const wanted = ({ name }: { readonly name: string }): boolean => words.every((word) => name.includes(word))
let good = true

console.log(`Node ${process.versions.node}, medians of ${ROUNDS} rounds\n`)
console.log(`| ${"bytes to events".padEnd(34)} | onward | peer   | ratio | target |\n| --- | --: | --: | --: | --: |`)
for (const shape of shapes.filter(wanted)) good = compare(shape) && good

console.log(`\n| ${"twice the input".padEnd(44)} | times |\n| --- | --: |`)
for (const { name, chunks, size } of growing.filter(wanted)) good = growth(name, chunks, size) && good

if (words.length === 0) {
  const json = { symbol: "ACME", price: 12.5, volume: 1000, time: 1_730_000_000 }
  console.log(`\n| ${"encode".padEnd(34)} | M/s    | MB/s   |\n| --- | --: | --: |`)
  throughput("string of 190 B", () => ({ data: "x".repeat(184) }))
  throughput("named, id, string of 60 B", (i) => ({ event: "tick", id: `1730000000-${i}`, data: "x".repeat(60) }))
  throughput("named, id, small object as JSON", (i) => ({ event: "tick", id: `1730000000-${i}`, data: json }))
  throughput("checkpoint", (i) => ({ id: `1730000000-${i}` }))
  throughput("three lines of text", () => ({ data: "first line of it\nsecond line of it\nthird" }))
}
if (!good) process.exitCode = 1
