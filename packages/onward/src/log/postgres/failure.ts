import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

const AWAY = "no answer: check the address, and that the server runs"
const USER = "the server refuses this user: check the name, the password and pg_hba.conf"
const GONE = "its tables are not there, or not whole: put back a backup, or run what postgresSchema() gives"

/** By SQLSTATE (appendix A of PostgreSQL's manual). */
const CODES: Readonly<Record<string, readonly [code: OnwardErrorCode, advice: string]>> = {
  "25006": ["log_unavailable", "this server is a standby and cannot be written: connect to the primary"],
  "28000": ["log_denied", USER],
  "28P01": ["log_denied", USER],
  "3D000": ["log_unavailable", "there is no such database: create it"],
  "3F000": ["log_corrupt", GONE],
  "40001": ["log_locked", "the transaction is not READ COMMITTED, and another has appended: begin it again"],
  "40P01": ["log_locked", "two transactions wait for each other: begin again, and append last"],
  "42501": ["log_denied", "the user lacks a privilege: docs/postgres.md has what it needs"],
  "42703": ["log_corrupt", GONE],
  "42883": ["log_corrupt", GONE],
  "42P01": ["log_corrupt", GONE],
  "53100": ["log_full", "the disk of the server is full: make room, or keep less (`retention`)"],
  "53300": ["log_unavailable", "the server has no connection left: raise max_connections, or make the pool smaller"],
  "55P03": ["log_locked", "another transaction has appended and is not over: find it in pg_stat_activity"],
  "57014": ["log_unavailable", "the statement was cancelled: check statement_timeout"],
  P0002: ["log_corrupt", "the row of the log is missing: put back a backup, or drop the schema to start a new log"],
  XX001: ["log_corrupt", "a table is damaged: put back a backup"],
  XX002: ["log_corrupt", "an index is damaged: REINDEX it, or put back a backup"],
}

/** Turns a failure into the error users see. The cause may name servers and users; the message does not. */
export function toOnwardError(schema: string, error: unknown): OnwardError {
  if (error instanceof OnwardError) return error
  const [code, advice] = CODES[codeOf(error)] ?? [
    "log_unavailable",
    isAway(error) ? AWAY : `PostgreSQL says ${said(error)}`,
  ]
  return new OnwardError(code, `log ${schema}: ${advice}`, { cause: error })
}

/** True when the connection failed, not the statement. */
export function isAway(error: unknown): boolean {
  const code = codeOf(error)
  // 08: connection exceptions; 57P: the server was shut down; the others are Node's and the clients' own
  if (/^(08|57P0)|^E[A-Z]|^CONNECT/.test(code)) return true
  return code === "" && error instanceof Error && /connection|timeout|socket|pool/i.test(error.message)
}

/** True when it is the data of one call that failed, so that its neighbours in the same commit may succeed without it. */
export const isOfOneCall = (error: unknown): boolean => /^(22|23|54)/.test(codeOf(error))

/** True when the tables are not (any more) what they were when the log was opened. */
export const isGone = (error: unknown): boolean => /^(3F000|42P01|42883|42703|P0002)$/.test(codeOf(error))

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === "string" ? code : ""
}

const said = (error: unknown): string => `"${error instanceof Error ? error.message : String(error)}"`
