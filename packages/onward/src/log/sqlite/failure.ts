import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

/** What is known of a failure of SQLite; plain, so that it can cross threads, where errors lose their own members. */
export interface Failure {
  readonly message: string
  /** Extended result code of SQLite (sqlite.org/rescode.html); absent when something else failed. */
  readonly errcode?: number
}

export const failureOf = (error: unknown): Failure => {
  const { message = String(error), errcode } = error as { message?: string; errcode?: number }
  return errcode === undefined ? { message } : { message, errcode }
}

const IOERR_SHMSIZE = 4874

const CODES: Readonly<Record<number, readonly [code: OnwardErrorCode, advice: string]>> = {
  5: ["log_locked", "another process kept it locked: find what holds a transaction open, or raise `timeout`"],
  6: ["log_locked", "another connection kept it locked: find what holds a transaction open, or raise `timeout`"],
  8: [
    "log_readonly",
    "it cannot be written: check the permissions of the file and its folder, and how the disk is mounted",
  ],
  11: ["log_corrupt", "it is damaged: put back a backup, or move it away to start a new log"],
  13: ["log_full", "the disk is full: make room, or keep less (`retention`)"],
  14: ["log_unavailable", "it cannot be opened: check its folder, its permissions and the limit of open files"],
  26: ["log_corrupt", "it is not an SQLite database, or a damaged one: choose another path, or put back a backup"],
}

/** Turns a failure into the error users see. */
export function toOnwardError(path: string, { message, errcode }: Failure): OnwardError {
  const primary = errcode === IOERR_SHMSIZE ? 13 : (errcode ?? 0) & 0xff
  const [code, advice] = CODES[primary] ?? ["log_unavailable", message]
  const cause = Object.assign(new Error(message), errcode === undefined ? {} : { errcode })
  return new OnwardError(code, `log ${path}: ${advice}`, { cause })
}

/** True when waiting may help: another connection holds a lock. */
export const isBusy = ({ errcode = 0 }: Failure): boolean => (errcode & 0xff) === 5 || (errcode & 0xff) === 6

/** True when it is the data of one call that failed, so that its neighbours in the same commit may succeed without it. */
export const isOfOneCall = ({ errcode }: Failure): boolean =>
  errcode === undefined || [18, 19, 20, 25].includes(errcode & 0xff)
