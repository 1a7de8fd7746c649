/** Every code an {@link OnwardError} can carry; docs/errors.md has a heading for each. */
export type OnwardErrorCode =
  | "invalid_message"
  | "message_too_large"
  | "event_too_large"
  | "validation_failed"
  | "invalid_selector"
  | "too_many_topics"
  | "cursor_too_long"
  | "invalid_start"
  | "too_many_connections"
  | "too_many_connections_for_key"
  | "too_many_patterns"
  | "too_many_patterns_for_key"
  | "too_many_filters"
  | "hub_draining"
  | "hub_closed"
  | "log_closed"
  | "log_full"
  | "log_readonly"
  | "log_locked"
  | "log_corrupt"
  | "log_denied"
  | "log_unsupported"
  | "log_unavailable"
  | "clock_step"
  | "presence_too_large"
  | "source_failed"
  | "stream_ended"
  | "network_error"
  | "bad_status"
  | "bad_content_type"
  | "redirect_refused"
  | "invalid_request"
  | "connect_timeout"
  | "idle_timeout"
  | "event_timeout"
  | "not_repeatable"
  | "run_unknown"
  | "run_expired"
  | "session_unknown"

/** HTTP statuses of errors that the client caused; all others are 503. */
const STATUS: Readonly<Partial<Record<OnwardErrorCode, number>>> = {
  invalid_message: 400,
  invalid_selector: 400,
  invalid_start: 400,
  too_many_topics: 400,
  cursor_too_long: 400,
  run_unknown: 404,
  run_expired: 410,
  session_unknown: 404,
  message_too_large: 413,
  validation_failed: 422,
  too_many_connections_for_key: 429,
  too_many_patterns_for_key: 429,
}

/** Codes after which the same call can succeed later; `too_many_[cpf]` is connections, patterns and filters, not topics. */
const RETRYABLE =
  /^(too_many_[cpf]|hub_draining|log_(full|locked|unavailable)|source_failed|stream_ended|network_error|.*_timeout)/

/** Statuses after which a retry can succeed (RFC 9110 section 15, RFC 6585 section 4). */
const LATER = /^(408|425|429|5..)$/

/**
 * The one error type of Onward. Switch on `code`; the message is for people and says what to do next.
 * Misuse that no input can cause (an unknown option, a wrong type) is a `TypeError` instead.
 */
export class OnwardError extends Error {
  override readonly name = "OnwardError"
  readonly code: OnwardErrorCode
  /** On a server: the HTTP status to answer with (RFC 9110 section 15). In a client: the status that the server answered with. */
  readonly status: number
  /** Whether another server, of which this process is a client, caused it. It is not sent to the clients of this process. */
  readonly isRemote: boolean

  constructor(code: OnwardErrorCode, message: string, options?: { cause?: unknown; status?: number }) {
    super(message, options)
    this.code = code
    this.status = options?.status ?? STATUS[code] ?? 503
    this.isRemote = options?.status !== undefined
  }

  /** True when the same call can succeed later, unchanged. */
  get retryable(): boolean {
    return RETRYABLE.test(this.code) || (this.isRemote && LATER.test(`${this.status}`))
  }
}
