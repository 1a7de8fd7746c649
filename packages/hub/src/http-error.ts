import { OnwardError } from "onward"

/** An error response: `code` is for programs, the message for people. The client sees both. */
export class HttpError extends Error {
  override readonly name = "HttpError"
  readonly status: number
  readonly code: string
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.status = status
    this.code = code
    this.headers = headers
  }
}

/** Returns an error for the client, without details of the log and of unexpected errors. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (!(error instanceof OnwardError)) return new HttpError(500, "internal_error", "The hub failed. See its log.")
  const message = error.code.startsWith("log_") ? "The hub's log is unavailable. Retry later." : error.message
  // with jitter, so that refused clients do not all reconnect together
  const retry = error.retryable ? { "retry-after": String(1 + Math.floor(Math.random() * 5)) } : {}
  return new HttpError(error.status, error.code, message, retry)
}
