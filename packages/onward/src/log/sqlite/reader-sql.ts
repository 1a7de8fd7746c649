import type { DatabaseSync, SQLInputValue, StatementSync } from "node:sqlite"
import type { Entry, NewEntry, Position } from "../../message.ts"
import { SEGMENT } from "./schema.ts"

const sql = (text: (column: string) => string) => ({
  begin: "BEGIN",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  dataVersion: "PRAGMA data_version",
  log: "SELECT epoch, last, trimmed, floor FROM log",
  oldest: "SELECT sequence FROM entries ORDER BY sequence LIMIT 1",
  page: `
    SELECT ${columns(text)}, topics.name
    FROM entries CROSS JOIN topics ON topics.id = entries.topic
    WHERE sequence > ? ORDER BY sequence LIMIT ?`,
  chosen: `
    SELECT ${columns(text)}, topics.name
    FROM json_each(?) CROSS JOIN entries ON sequence = value CROSS JOIN topics ON topics.id = entries.topic`,
  /** Of one segment and one topic. */
  pageOf: `
    SELECT ${columns(text)} FROM entries
    WHERE ${SEGMENT} = ? AND entries.topic = ? AND sequence > ? ORDER BY sequence LIMIT ?`,
  /** Of one segment and some topics. */
  oldestOf: `
    SELECT sequence FROM entries
    WHERE ${SEGMENT} = ? AND topic IN (SELECT value FROM json_each(?)) AND sequence > ? ORDER BY sequence LIMIT ?`,
  newestOf: `
    SELECT sequence FROM entries
    WHERE ${SEGMENT} = ? AND topic IN (SELECT value FROM json_each(?)) ORDER BY sequence DESC LIMIT ?`,
  countOf: `SELECT count(*) AS rows FROM entries WHERE ${SEGMENT} = ?`,
  newest: "SELECT sequence FROM entries WHERE sequence <= ? ORDER BY sequence DESC LIMIT 1 OFFSET ?",
  topic: "SELECT id, count, trimmed, own FROM topics WHERE name = ?",
  removed: "SELECT name, trimmed, own FROM topics WHERE trimmed > ?",
  entryFrom: "SELECT sequence, time FROM entries WHERE sequence >= ? ORDER BY sequence LIMIT 1",
  withIdOn: "SELECT sequence FROM entries WHERE id = ? AND topic = (SELECT id FROM topics WHERE name = ?)",
  withId: `
    SELECT sequence, topics.name AS topic FROM entries CROSS JOIN topics ON topics.id = entries.topic
    WHERE entries.id = ? LIMIT ?`,
})

const columns = (text: (column: string) => string): string => `
  entries.sequence, entries.time, entries.size, entries.retry,
  ${["event", "id", "key", "data"].map((column) => `${text(`entries.${column}`)} AS ${column}`).join(", ")}`

export type ReaderSql = Readonly<Record<keyof ReturnType<typeof sql>, StatementSync>>

export interface LogState {
  readonly epoch: string
  readonly last: number
  readonly trimmed: number
  readonly floor: number
}

/** Bytes if this version of Node cannot read text with NUL. */
type Text = string | Uint8Array

/** The columns of `page`, `pageOf` and `chosen`. */
export type Row = readonly [
  sequence: number,
  time: number,
  size: number,
  retry: number | null,
  event: Text | null,
  id: Text | null,
  key: Text | null,
  data: Text,
  /** Not of `pageOf`: its caller knows it. */
  topic?: string,
]

export function prepareReaderSql(database: DatabaseSync): ReaderSql {
  // Node 22 reads text up to its first NUL only; it reads bytes completely, but slower
  const isCut = database.prepare("SELECT char(0, 97) AS text").get()?.["text"] === ""
  const texts = sql(isCut ? (column) => `CAST(${column} AS BLOB)` : (column) => column)
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, database.prepare(text)])) as ReaderSql
}

/** Rows as arrays, which takes half the time of objects. */
export function rowsOf(statement: StatementSync): (...parameters: SQLInputValue[]) => Row[] {
  if ("setReturnArrays" in statement) {
    statement.setReturnArrays(true)
    return (...parameters) => statement.all(...parameters) as unknown as Row[]
  }
  // Node 22 before 22.16
  return (...parameters) => (statement as StatementSync).all(...parameters).map(Object.values) as unknown as Row[]
}

export function entryOf(row: Row, position: Position, onlyTopic: string): Entry {
  const [, time, , retry, event, id, key, data, topic = onlyTopic] = row
  const entry: NewEntry = { topic, data: textOf(data), position, time }
  // most entries have none of these, and spreading them would take longer than reading the row
  if (event !== null) entry.event = textOf(event)
  if (id !== null) entry.id = textOf(id)
  if (key !== null) entry.idempotencyKey = textOf(key)
  if (retry !== null) entry.retry = retry
  return entry
}

const textOf = (text: Text): string => (typeof text === "string" ? text : Buffer.from(text).toString())
