import { OnwardError, type OnwardErrorCode } from "onward"

/** An answer that is an error: `code` is for programs, the message for people; both are meant to be seen by the client. */
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

/** What a client can be blamed for; for everything else the hub takes the blame with a 503. */
const STATUS: Readonly<Partial<Record<OnwardErrorCode, number>>> = {
  invalid_message: 400,
  invalid_selector: 400,
  invalid_start: 400,
  too_many_topics: 400,
  cursor_too_long: 400,
  message_too_large: 413,
  validation_failed: 422,
  too_many_connections_for_key: 429,
}

/** Any error as one for the client. The workings of the log, and what nobody foresaw, are not described to it. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (!(error instanceof OnwardError)) return new HttpError(500, "internal_error", "Something went wrong in the hub.")
  const status = STATUS[error.code] ?? 503
  const message = error.code.startsWith("log_") ? "The log cannot take or give messages now." : error.message
  // jittered, or all who were refused come back together
  const retry = error.retryable ? { "retry-after": String(1 + Math.floor(Math.random() * 5)) } : {}
  return new HttpError(status, error.code, message, retry)
}
