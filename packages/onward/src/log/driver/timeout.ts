import { kindOf } from "../../kind.ts"

/** How long a call waits for its store unless told otherwise, in milliseconds: the same in every log. */
const DEFAULT_TIMEOUT = 5_000
/** Timers that are set further end at once (WHATWG HTML, "timer initialization steps"; Node warns). */
const MAX_TIMEOUT = 2 ** 31 - 1

/** The option `timeout` of a log, in milliseconds, or the default of all logs. Throws a `TypeError` that names the log. */
export function timeoutOf(log: string, given: number | undefined): number {
  if (given === undefined) return DEFAULT_TIMEOUT
  if (typeof given === "number" && given > 0 && given <= MAX_TIMEOUT) return given
  const value = typeof given === "number" ? String(given) : kindOf(given)
  throw new TypeError(`${log}: \`timeout\` must be a number of milliseconds from 1 to ${MAX_TIMEOUT}, not ${value}.`)
}
