import { kindOf } from "../../kind.ts"

/** Default of the option `timeout` of every log: how long a call waits for its store, in milliseconds. */
const DEFAULT_TIMEOUT = 5_000
/** A timer with a longer delay fires at once (WHATWG HTML, "timer initialization steps"; Node warns). */
const MAX_TIMEOUT = 2 ** 31 - 1

/** Returns the option `timeout` of a log, in milliseconds. Throws a `TypeError` that names the log. @default 5_000 */
export function timeoutOf(log: string, given: number | undefined): number {
  if (given === undefined) return DEFAULT_TIMEOUT
  if (typeof given === "number" && given > 0 && given <= MAX_TIMEOUT) return given
  const value = typeof given === "number" ? String(given) : kindOf(given)
  throw new TypeError(`${log}: \`timeout\` must be a number of milliseconds from 1 to ${MAX_TIMEOUT}, not ${value}.`)
}
