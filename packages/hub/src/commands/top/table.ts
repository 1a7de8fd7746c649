import { escapeControls } from "../../printable.ts"
import type { Snapshot, Stream } from "./snapshot.ts"

interface Column {
  readonly title: string
  readonly width: number
  readonly isNumber?: true
  readonly text: (stream: Stream, rate: Rate) => string
}

/** What a stream was sent since the snapshot before, per second. Undefined for the first one. */
type Rate = { readonly entries: number; readonly bytes: number } | undefined

const COLUMNS: readonly Column[] = [
  { title: "ID", width: 8, text: ({ worker, id }) => (worker > 0 ? `${worker}/${id}` : id) },
  { title: "USER", width: 12, text: ({ userId = "-" }) => userId },
  { title: "ADDRESS", width: 15, text: ({ limitKey = "-" }) => limitKey },
  { title: "KIND", width: 9, text: ({ label = "-" }) => label },
  { title: "STATE", width: 7, text: ({ state }) => state },
  { title: "LAG", width: 8, isNumber: true, text: ({ lag }) => short(lag) },
  { title: "BEHIND", width: 6, isNumber: true, text: ({ timesBehind }) => short(timesBehind) },
  { title: "GAPS", width: 5, isNumber: true, text: ({ gaps }) => short(gaps) },
  { title: "EVENTS", width: 7, isNumber: true, text: ({ entries }) => short(entries) },
  { title: "/S", width: 6, isNumber: true, text: (_, rate) => (rate ? short(rate.entries) : "-") },
  { title: "BYTES", width: 7, isNumber: true, text: ({ bytes }) => short(bytes) },
  { title: "/S", width: 7, isNumber: true, text: (_, rate) => (rate ? short(rate.bytes) : "-") },
  { title: "AGE", width: 6, isNumber: true, text: ({ openedAt }) => age(Date.now() - openedAt) },
  { title: "TOPICS", width: 200, text: ({ topics, patterns }) => [...topics, ...patterns].join(" ") },
]

interface TableOptions {
  /** The snapshot before, for rates. */
  readonly before: Snapshot | undefined
  /** Characters of a line. */
  readonly width: number
}

/** Returns the lines of a table of streams. Nothing in it can move the cursor. */
export function streamTable({ streams, at }: Snapshot, { before, width }: TableOptions): string[] {
  const known = new Map(before?.streams.map((stream) => [keyOf(stream), stream]))
  const seconds = before ? (at - before.at) / 1_000 : 0
  const rateOf = (stream: Stream): Rate => {
    const old = known.get(keyOf(stream))
    if (!old || seconds <= 0) return undefined
    return { entries: (stream.entries - old.entries) / seconds, bytes: (stream.bytes - old.bytes) / seconds }
  }
  const line = (cells: readonly string[]): string => cells.join(" ").slice(0, width).trimEnd()
  return [
    line(COLUMNS.map((column) => fit(column.title, column))),
    ...streams.map((stream) => line(COLUMNS.map((column) => fit(column.text(stream, rateOf(stream)), column)))),
  ]
}

const keyOf = ({ worker, id }: Stream): string => `${worker}/${id}`

function fit(text: string, { width, isNumber }: Column): string {
  const clean = escapeControls(text)
  const cut = clean.length > width ? `${clean.slice(0, width - 1)}…` : clean
  return isNumber ? cut.padStart(width) : cut.padEnd(width)
}

const UNITS = ["", "k", "M", "G", "T"]

/** A number in at most five characters: `999`, `12.3k`, `4M`. */
export function short(value: number): string {
  let size = Math.round(value)
  let unit = 0
  for (; size >= 1_000 && unit < UNITS.length - 1; unit++) size /= 1_000
  return `${unit > 0 && size < 100 ? Number(size.toFixed(1)) : Math.round(size)}${UNITS[unit]}`
}

/** A time in its two largest units: `3d4h`, `12m30s`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const [d, h, m, s] = [seconds / 86_400, (seconds / 3_600) % 24, (seconds / 60) % 60, seconds % 60].map(Math.floor)
  return d ? `${d}d${h}h` : h ? `${h}h${m}m` : m ? `${m}m${s}s` : `${s}s`
}
