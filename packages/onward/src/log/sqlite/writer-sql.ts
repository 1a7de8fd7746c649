import type { DatabaseSync, StatementSync } from "node:sqlite"
import { SEGMENT } from "./schema.ts"

const SQL = {
  begin: "BEGIN IMMEDIATE",
  commit: "COMMIT",
  rollback: "ROLLBACK",
  /** Changes when another connection has committed (sqlite.org/pragma.html#pragma_data_version). */
  dataVersion: "PRAGMA data_version",

  readLog: "SELECT epoch, last, time, count, bytes, trimmed, floor, empty_topics FROM log",
  updateLog: "UPDATE log SET last = ?, time = ?, count = ?, bytes = ?, trimmed = ?, floor = ?, empty_topics = ?",

  findId: "SELECT sequence FROM entries WHERE id = ? AND topic = ?",
  findKey: "SELECT sequence FROM entries WHERE key = ? AND topic = ?",
  insert:
    "INSERT INTO entries (sequence, topic, time, size, event, id, key, retry, data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
  oldest: "SELECT sequence, topic, time, size FROM entries ORDER BY sequence LIMIT ?",
  deleteUpTo: "DELETE FROM entries WHERE sequence <= ?",
  // oxlint-disable typescript/no-unnecessary-type-assertion -- the compiler cannot declare a template's type by itself
  /** Of one segment. */
  oldestOfTopic:
    `SELECT sequence, size FROM entries WHERE ${SEGMENT} = ? AND topic = ? ORDER BY sequence LIMIT ?` as string,
  deleteOfTopic: `DELETE FROM entries WHERE ${SEGMENT} = ? AND topic = ? AND sequence <= ?` as string,
  // oxlint-enable typescript/no-unnecessary-type-assertion

  topicByName: "SELECT id, name, count, bytes, trimmed, own FROM topics WHERE name = ?",
  topicById: "SELECT id, name, count, bytes, trimmed, own FROM topics WHERE id = ?",
  insertTopic: "INSERT INTO topics (name, count, bytes, trimmed, own) VALUES (?, 0, 0, ?, 0)",
  updateTopic: "UPDATE topics SET count = ?, bytes = ?, trimmed = ?, own = ? WHERE id = ?",
  topicsOver: "SELECT id FROM topics WHERE count > ? OR bytes > ? LIMIT 100",
  smallestMarks: "SELECT id, name, trimmed FROM topics WHERE count = 0 ORDER BY trimmed LIMIT ?",
  deleteTopic: "DELETE FROM topics WHERE id = ?",
} as const

export type WriterSql = Readonly<Record<keyof typeof SQL, StatementSync>>

export function prepareWriterSql(database: DatabaseSync): WriterSql {
  const statements = Object.entries(SQL).map(([name, text]) => [name, database.prepare(text)])
  return Object.fromEntries(statements) as WriterSql
}
