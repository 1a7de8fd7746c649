import { OnwardError } from "onward"

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

/** Any error as one for the client. Details of the log and of unexpected errors are not sent to the client. */
export function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (!(error instanceof OnwardError)) return new HttpError(500, "internal_error", "Something went wrong in the hub.")
  const message = error.code.startsWith("log_") ? "The log cannot take or give messages now." : error.message
  // jittered, or all refused clients reconnect at the same time
  const retry = error.retryable ? { "retry-after": String(1 + Math.floor(Math.random() * 5)) } : {}
  return new HttpError(error.status, error.code, message, retry)
}
