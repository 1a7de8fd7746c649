/**
 * The codec beside `eventsource-parser`: bytes in, events out, and messages encoded.
 * Run: `node --conditions=onward-source bench/codec.ts [words a shape's name must hold]`
 *
 * Both parse the same chunks in the same process, in short turns, so that what else the machine does hits both; times are
 * processor time, and each row has a process of its own. The tables have medians; the ratio is the median of the rounds'
 * ratios. The peer takes strings and gets them from one streaming TextDecoder, as its users must. Before anything is timed,
 * both are checked to give the same events.
 */
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { createParser as createPeer } from "eventsource-parser"
import { createParser, encode, type WireMessage } from "onward/protocol"
import { createSmallParser } from "../packages/onward/src/protocol/index.ts"
import { type Growing, growing, type Shape, shapes } from "./codec-shapes.ts"

const ROUNDS = 101
/** Length of a turn in milliseconds, at least. */
const TURN = 6
const encoder = new TextEncoder()
const OPTIONS = { maxEventBytes: 64 * 1024 * 1024 }

type OnEvent = (event: { readonly event?: string | undefined; readonly data: string }) => void
type Run = (chunks: readonly Uint8Array[], onEvent: OnEvent) => void

const onward: Run = (chunks, onEvent) => {
  const parser = createParser({ onEvent }, OPTIONS)
  for (const chunk of chunks) parser.feed(chunk)
  parser.end()
}

/** The parser of the browser's client. */
const small: Run = (chunks, onEvent) => {
  const parser = createSmallParser({ onEvent }, { maxEventChars: OPTIONS.maxEventBytes })
  for (const chunk of chunks) parser.feed(chunk)
}

const peer: Run = (chunks, onEvent) => {
  const decoder = new TextDecoder()
  const parser = createPeer({ onEvent })
  for (const chunk of chunks) parser.feed(decoder.decode(chunk, { stream: true }))
}

/** What handlers do here: little, and in the range of small integers, or making numbers would be measured. */
let checksum = 0
const count: OnEvent = ({ data }) => {
  checksum = (checksum + data.length) | 0
}

/** Milliseconds of processor time this process has used, its collector's and compiler's threads included. */
function processor(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Nanoseconds a pass takes, over as many passes as fill a turn. */
function time(pass: () => void): number {
  let passes = 0
  const start = processor()
  let now = start
  for (; now - start < TURN; now = processor()) {
    pass()
    passes++
  }
  return ((now - start) * 1e6) / passes
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN

/** Mark of a row of the small parser. */
const SMALL = "small: "

function compare({ name, chunks: make, target }: Shape, ours: Run): boolean {
  const chunks = make()
  const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const times: Array<{ ours: number; theirs: number }> = []
  for (let round = -10; round < ROUNDS; round++) {
    const first = time(() => (round % 2 ? ours : peer)(chunks, count))
    const second = time(() => (round % 2 ? peer : ours)(chunks, count))
    if (round >= 0) times.push(round % 2 ? { ours: first, theirs: second } : { ours: second, theirs: first })
  }
  const ratio = median(times.map((t) => t.theirs / t.ours))
  const speed = (ns: number): string => ((bytes / ns) * 1000).toFixed(0)
  const [mine, other] = [median(times.map((t) => t.ours)), median(times.map((t) => t.theirs))]
  const missed = ours === onward && ratio < target
  console.log(
    `| ${name} | ${speed(mine)} | ${speed(other)} | ${ratio.toFixed(2)} | ${target.toFixed(2)}${missed ? " missed" : ""} |`,
  )
  return !missed
}

/** How much longer twice the input takes: 2 when the time is linear. */
function growth({ name, chunks, size }: Growing): boolean {
  const [small, large] = [chunks(size), chunks(2 * size)]
  const ratios: number[] = []
  for (let round = -1; round < ROUNDS / 4; round++) {
    const ratio = time(() => onward(large, count)) / time(() => onward(small, count))
    if (round >= 0) ratios.push(ratio)
  }
  const ratio = median(ratios)
  console.log(`| ${name} | ${ratio.toFixed(2)} |`)
  return ratio < 2.6
}

function throughput(name: string, message: (i: number) => WireMessage): void {
  const messages = Array.from({ length: 1000 }, (_, i) => message(i))
  const bytes = messages.reduce((sum, m) => sum + encode(m).length, 0)
  const nanoseconds = (pass: () => void): number => median(Array.from({ length: ROUNDS }, () => time(pass)))
  const text = nanoseconds(() => {
    for (const m of messages) checksum = (checksum + encode(m).length) | 0
  })
  const all = nanoseconds(() => {
    for (const m of messages) checksum = (checksum + encoder.encode(encode(m)).length) | 0
  })
  const figure = (ns: number): string => (1e6 / ns).toFixed(1)
  console.log(`| ${name} | ${figure(text)} | ${figure(all)} | ${((bytes / all) * 1000).toFixed(0)} |`)
}

const ENCODED: ReadonlyArray<readonly [name: string, message: (i: number) => WireMessage]> = [
  ["string of 190 B", () => ({ data: "x".repeat(184) })],
  ["named, id, string of 60 B", (i) => ({ event: "tick", id: `1730000000-${i}`, data: "x".repeat(60) })],
  [
    "named, id, small object as JSON",
    (i) => ({ event: "tick", id: `1730000000-${i}`, data: { symbol: "ACME", price: i } }),
  ],
  ["checkpoint", (i) => ({ id: `1730000000-${i}` })],
  ["three lines of text", () => ({ data: "first line of it\nsecond line of it\nthird" })],
]

/** What a parser makes of a shape. Taken in the process that starts the rows: each of those shall know one handler only. */
function fingerprint(run: Run, chunks: readonly Uint8Array[]): string {
  const hash = createHash("sha256")
  let count = 0
  run(chunks, ({ event = "message", data }) => {
    count++
    hash.update(`${event}\n${data.length}\n${data}`)
  })
  return `${count} events, ${hash.digest("hex")}`
}

function verify({ name, chunks: make }: Shape): void {
  const chunks = make()
  const [ours, browsers, theirs] = [onward, small, peer].map((run) => fingerprint(run, chunks))
  if (ours !== theirs || browsers !== theirs)
    throw new Error(`${name}: not the same events: ${ours}; ${browsers}; eventsource-parser ${theirs}`)
}

/** Every row is measured in a process of its own, so that none runs on code compiled for another. */
function measure(row: string): boolean {
  const { status } = spawnSync(process.execPath, [...process.execArgv, import.meta.filename, `--row=${row}`], {
    stdio: "inherit",
  })
  return status === 0
}

function runRow(row: string): boolean {
  const shape = shapes.find(({ name }) => name === row.replace(SMALL, ""))
  if (shape !== undefined) return compare(shape, row.startsWith(SMALL) ? small : onward)
  const grown = growing.find(({ name }) => name === row)
  if (grown !== undefined) return growth(grown)
  const [, message] = ENCODED.find(([name]) => name === row) ?? []
  if (message !== undefined) throughput(row, message)
  return message !== undefined
}

function runAll(words: readonly string[]): boolean {
  const wanted = (name: string): boolean => words.every((word) => name.includes(word))
  const table = (title: string, columns: string, rows: readonly string[]): boolean => {
    const chosen = rows.filter(wanted)
    if (chosen.length > 0)
      console.log(`\n| ${title} | ${columns} |\n| --- |${" --: |".repeat(columns.split("|").length)}`)
    return chosen.map(measure).every(Boolean)
  }
  const names = (list: ReadonlyArray<{ readonly name: string }>): string[] => list.map(({ name }) => name)
  console.log(`Node ${process.versions.node}, medians of ${ROUNDS} rounds`)
  shapes.filter(({ name }) => wanted(name)).forEach(verify)
  const fast = table("bytes to events, MB/s", "onward | peer | ratio | target", names(shapes))
  table(
    "the small parser, MB/s",
    "onward | peer | ratio | target of the large one",
    names(shapes).map((name) => SMALL + name),
  )
  const linear = table("twice the input takes", "times", names(growing))
  table(
    "encode, millions a second",
    "text | bytes | MB/s",
    ENCODED.map(([name]) => name),
  )
  return fast && linear
}

const row = /^--row=(.*)/.exec(process.argv[2] ?? "")?.[1]
if (!(row === undefined ? runAll(process.argv.slice(2)) : runRow(row))) process.exitCode = 1
