import type { AuthRefusal } from "./auth/index.ts"

/** Number of lines printed at once, and then per second. */
const BURST = 100
const LINES_A_SECOND = 20
/** Time after which one line reports the number of refusals that were not printed, in ms. */
const SUMMARY_MS = 10_000

/** Prints a line for each refusal, in which an operator finds its request id, up to a rate that people can read. */
export function limitRefusals(
  report: (error: Error) => void,
  now: () => number = () => performance.now(),
): (refusal: AuthRefusal) => void {
  let lines = BURST
  let at = now()
  let skipped = 0

  function summarize(): void {
    const count = skipped
    skipped = 0
    report(new RefusalSummary(`${count} more requests were refused with 401 or 403 in ${SUMMARY_MS / 1_000} s.`))
  }

  return (refusal) => {
    const time = now()
    lines = Math.min(BURST, lines + ((time - at) * LINES_A_SECOND) / 1_000)
    at = time
    if (lines >= 1) {
      lines--
      return report(refusal)
    }
    if (skipped++ === 0) setTimeout(summarize, SUMMARY_MS).unref()
  }
}

/** An error that is printed as its message. */
class RefusalSummary extends Error {
  // without the stack trace
  override readonly stack: string = this.message
}
