import { OnwardError } from "onward"
import { HttpError } from "./http-error.ts"

/** Time in which repeats of a reported error are counted, in ms. */
const QUIET_MS = 10_000
/** Maximum number of kinds of errors that are counted separately. */
const MAX_KINDS = 100

interface Kind {
  readonly error: unknown
  repeats: number
}

/**
 * Limits how much clients can make a server print: the first error of a kind is reported at once, its repeats as one line with their count
 * every ten seconds.
 */
export function limitReports(report: (error: unknown) => void): (error: unknown) => void {
  const kinds = new Map<string, Kind>()

  function settle(name: string): void {
    const kind = kinds.get(name)
    kinds.delete(name)
    if (!kind || kind.repeats === 0) return
    report(repeated(kind))
    count(name, kind.error)
  }

  function count(name: string, error: unknown): void {
    kinds.set(name, { error, repeats: 0 })
    setTimeout(settle, QUIET_MS, name).unref()
  }

  return (error) => {
    const own = nameOf(error)
    const name = kinds.has(own) || kinds.size < MAX_KINDS ? own : "other"
    const kind = kinds.get(name)
    if (kind) return void kind.repeats++
    report(error)
    count(name, error)
  }
}

function nameOf(error: unknown): string {
  if (error instanceof HttpError || error instanceof OnwardError) return error.code
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
}

function repeated({ error, repeats }: Kind): Error {
  const message = error instanceof Error ? error.message : String(error)
  const code = error instanceof HttpError || error instanceof OnwardError ? error.code : "internal_error"
  return new HttpError(500, code, `${message} The same happened ${repeats} more times in ${QUIET_MS / 1_000} s.`)
}
