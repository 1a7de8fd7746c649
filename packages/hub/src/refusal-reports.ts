import type { AuthRefusal } from "./auth/index.ts"

/** Lines that are printed at once, and each second after that. */
const BURST = 100
const LINES_A_SECOND = 20
/** After how long refusals that were not printed are counted in a line, in ms. */
const SUMMARY_MS = 10_000

/** Prints a line for each refusal, as an operator looks for its request id, but no more of them than can be read. */
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

/** Printed as its message. */
class RefusalSummary extends Error {
  // printed instead of where it was made
  override readonly stack: string = this.message
}
