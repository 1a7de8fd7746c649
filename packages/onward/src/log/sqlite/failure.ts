import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

/** A failure of SQLite, as plain data that can be sent between threads: an error would lose its properties. */
export interface Failure {
  readonly message: string
  /** The extended result code of SQLite (sqlite.org/rescode.html). Absent for other failures. */
  readonly errcode?: number
}

export const failureOf = (error: unknown): Failure => {
  const { message = String(error), errcode } = error as { message?: string; errcode?: number }
  return errcode === undefined ? { message } : { message, errcode }
}

const IOERR_SHMSIZE = 4874

export const NOT_WRITABLE =
  "the file cannot be written. Check the permissions of the file and its folder, and the mount options of the disk"

const CODES: Readonly<Record<number, readonly [code: OnwardErrorCode, advice: string]>> = {
  5: ["log_locked", "another process holds a lock. Find the open transaction, or raise `timeout`"],
  6: ["log_locked", "another connection holds a lock. Find the open transaction, or raise `timeout`"],
  8: ["log_readonly", NOT_WRITABLE],
  11: ["log_corrupt", "the file is damaged. Restore a backup, or move the file away to create a new log"],
  13: ["log_full", "the disk is full. Make room, or lower `retention`"],
  14: ["log_unavailable", "the file cannot be opened. Check its folder, its permissions and the limit of open files"],
  26: ["log_corrupt", "the file is not an SQLite database, or it is damaged. Choose another path, or restore a backup"],
}

/** Converts a failure into an `OnwardError`. */
export function toOnwardError(path: string, { message, errcode }: Failure): OnwardError {
  const primary = errcode === IOERR_SHMSIZE ? 13 : (errcode ?? 0) & 0xff
  const [code, advice] = CODES[primary] ?? ["log_unavailable", message]
  const cause = Object.assign(new Error(message), errcode === undefined ? {} : { errcode })
  return new OnwardError(code, `log ${path}: ${advice}.`, { cause })
}

/** True when another connection holds a lock, so a retry can succeed. */
export const isBusy = ({ errcode = 0 }: Failure): boolean => (errcode & 0xff) === 5 || (errcode & 0xff) === 6

/** True when the data of one call caused the failure, so the other calls of the same commit can succeed without it. */
export const isOfOneCall = ({ errcode }: Failure): boolean =>
  errcode === undefined || [18, 19, 20, 25].includes(errcode & 0xff)
