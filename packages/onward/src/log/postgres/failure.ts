import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

const UNREACHABLE = "no response from the server. Check the address, and that the server runs"
const USER = "the server refuses this user. Check the name, the password and pg_hba.conf"
const INCOMPLETE = "its tables or functions are missing. Restore a backup, or run the SQL of postgresSchema()"

/** By SQLSTATE (appendix A of PostgreSQL's manual). */
const CODES: Readonly<Record<string, readonly [code: OnwardErrorCode, advice: string]>> = {
  "25006": ["log_unavailable", "the server is a standby, which cannot be written. Connect to the primary"],
  "28000": ["log_denied", USER],
  "28P01": ["log_denied", USER],
  "3D000": ["log_unavailable", "the database does not exist. Create it"],
  "3F000": ["log_corrupt", INCOMPLETE],
  "40001": ["log_locked", "the transaction is not READ COMMITTED, and another one has appended. Retry the transaction"],
  "40P01": ["log_locked", "two transactions wait for each other. Retry the transaction, and append last"],
  "42501": ["log_denied", "the user lacks a privilege. Grant the privileges of docs/postgres.md"],
  "42703": ["log_corrupt", INCOMPLETE],
  "42883": ["log_corrupt", INCOMPLETE],
  "42P01": ["log_corrupt", INCOMPLETE],
  "53100": ["log_full", "the disk of the server is full. Make room, or lower `retention`"],
  "53300": ["log_unavailable", "the server has no free connection. Raise max_connections, or use a smaller pool"],
  "55P03": ["log_locked", "another transaction has appended and is still open. Find it in pg_stat_activity"],
  "57014": ["log_unavailable", "the statement was cancelled. Check statement_timeout"],
  P0002: ["log_corrupt", "the row of the log is missing. Restore a backup, or drop the schema to create a new log"],
  XX001: ["log_corrupt", "a table is damaged. Restore a backup"],
  XX002: ["log_corrupt", "an index is damaged. REINDEX it, or restore a backup"],
}

/** Converts a failure into an `OnwardError`. The cause can contain names of servers and users; the message does not. */
export function toOnwardError(schema: string, error: unknown): OnwardError {
  if (error instanceof OnwardError) return error
  const [code, advice] = CODES[codeOf(error)] ?? [
    "log_unavailable",
    isUnreachable(error)
      ? UNREACHABLE
      : `PostgreSQL reports ${quoted(error)}. Retry later, or read the log of the server`,
  ]
  return new OnwardError(code, `log ${schema}: ${advice}.`, { cause: error })
}

/** True when the connection failed and not the statement. */
export function isUnreachable(error: unknown): boolean {
  const code = codeOf(error)
  // 08: connection exceptions; 57P: the server was shut down; the others are codes of Node and of the clients
  if (/^(08|57P0)|^E[A-Z]|^CONNECT/.test(code)) return true
  return code === "" && error instanceof Error && /connection|timeout|socket|pool/i.test(error.message)
}

/** True when the data of one call caused the failure, so the other calls of the same commit can succeed without it. */
export const isOfOneCall = (error: unknown): boolean => /^(22|23|54)/.test(codeOf(error))

/** True when tables or functions have been removed or changed since the log was opened. */
export const isIncomplete = (error: unknown): boolean => /^(3F000|42P01|42883|42703|P0002)$/.test(codeOf(error))

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === "string" ? code : ""
}

const quoted = (error: unknown): string => `"${error instanceof Error ? error.message : String(error)}"`
