/** Names by which libraries say that they were aborted, when they do not hand on the reason of the signal they were given. */
const NAMES = /^(?:AbortError|CanceledError|APIUserAbortError|ResponseAborted)$/

const MOST_CAUSES = 10

/**
 * Whether an error says no more than that a signal was aborted: it is one of `reasons`, was caused by one, or bottoms out in an error
 * that is named like an abort. Of several errors in one, all must be that.
 */
export function isAbort(error: unknown, reasons: readonly unknown[], depth = 0): boolean {
  if (reasons.includes(error)) return true
  // errors can be their own causes, over some others
  if (depth > MOST_CAUSES || typeof error !== "object" || error === null) return false
  const {
    name,
    cause,
    errors,
    error: last,
    suppressed,
    constructor,
  } = error as Partial<AggregateError & SuppressedError>
  // what a failing clean-up replaced counts too
  if (name === "SuppressedError") return isAbort(last, reasons, depth + 1) && isAbort(suppressed, reasons, depth + 1)
  if (Array.isArray(errors)) return errors.length > 0 && errors.every((each) => isAbort(each, reasons, depth + 1))
  if (cause !== undefined) return isAbort(cause, reasons, depth + 1)
  return NAMES.test(String(name)) || NAMES.test(constructor?.name ?? "")
}
