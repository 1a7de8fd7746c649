/** Names of errors that libraries throw after an abort instead of the signal's reason. */
const NAMES = /^(?:AbortError|CanceledError|APIUserAbortError|ResponseAborted)$/

const MOST_CAUSES = 10

/**
 * Whether an error only reports that a signal was aborted: it is one of `reasons`, or it or its last cause has the name of an abort error. An
 * error that contains several must contain only such errors.
 */
export function isAbort(error: unknown, reasons: readonly unknown[], depth = 0): boolean {
  if (reasons.includes(error)) return true
  // causes of errors can be circular
  if (depth > MOST_CAUSES || typeof error !== "object" || error === null) return false
  const {
    name,
    cause,
    errors,
    error: last,
    suppressed,
    constructor,
  } = error as Partial<AggregateError & SuppressedError>
  // includes the error that a failed clean-up replaced
  if (name === "SuppressedError") return isAbort(last, reasons, depth + 1) && isAbort(suppressed, reasons, depth + 1)
  if (Array.isArray(errors)) return errors.length > 0 && errors.every((each) => isAbort(each, reasons, depth + 1))
  if (cause !== undefined) return isAbort(cause, reasons, depth + 1)
  return NAMES.test(String(name)) || NAMES.test(constructor?.name ?? "")
}
