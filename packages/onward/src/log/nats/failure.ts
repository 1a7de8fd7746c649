import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

/** An error response of JetStream. `number` is its `err_code`, listed in `server/errors.json` of nats-server. */
export class JetStreamError extends Error {
  readonly status: number
  readonly number: number

  constructor({ code = 0, err_code = 0, description = "" }: JetStreamFailure) {
    super(description)
    this.status = code
    this.number = err_code
  }
}

export interface JetStreamFailure {
  readonly code?: number
  readonly err_code?: number
  readonly description?: string
}

/** The status of JetStream's response when a stream or a message does not exist. */
export const NOT_FOUND = 404

const FULL =
  "the store is full. Raise `max_file_store` or the limits of the account or the stream, or lower `retention`"
export const DISABLED =
  "JetStream is disabled for this account. Start nats-server with --js, and enable JetStream for the account"
const TAKEN = "a stream that is not an Onward log has this name or its subjects. Choose another `stream`"

const CODES: Readonly<Record<number, readonly [code: OnwardErrorCode, advice: string]>> = {
  10_023: ["log_full", FULL],
  10_026: ["log_full", "the account has its maximum number of streams. Raise the limit, or remove a stream"],
  10_028: ["log_full", FULL],
  10_039: ["log_unsupported", DISABLED],
  10_047: ["log_full", FULL],
  10_058: ["log_corrupt", TAKEN],
  10_065: ["log_corrupt", TAKEN],
  10_074: ["log_unsupported", "`replicas` above 1 needs a cluster. Connect to a cluster, or leave the option out"],
  10_076: ["log_unsupported", DISABLED],
  10_077: ["log_full", FULL],
}

/** True when the server reported that the subject has no subscriber. */
export const hasNoResponder = (error: unknown): boolean =>
  named(error, "NoResponders", "NoRespondersError") !== undefined

/** True when a retry can succeed. */
export const isRetryable = (error: unknown): boolean =>
  error instanceof JetStreamError
    ? error.status === 503 && CODES[error.number] === undefined
    : hasNoResponder(error) || named(error, "TimeoutError") !== undefined

/** Converts a failure into an `OnwardError`. */
export function toOnwardError(stream: string, error: unknown): OnwardError {
  if (error instanceof OnwardError) return error
  const fail = (code: OnwardErrorCode, advice: string): OnwardError =>
    new OnwardError(code, `log ${stream}: ${advice}.`, { cause: error })
  const refused = named(error, "PermissionViolationError")
  if (refused) {
    const { operation = "use", subject = "a subject" } = refused as { operation?: string; subject?: string }
    return fail(
      "log_denied",
      `the server does not allow this user to ${operation} ${subject}. Add the permissions of docs/nats.md`,
    )
  }
  if (named(error, "AuthorizationError", "UserAuthenticationExpiredError")) {
    return fail("log_denied", "the server refuses this user. Check the credentials of the connection")
  }
  if (error instanceof JetStreamError) {
    const [code, advice] = CODES[error.number] ?? [
      "log_unavailable",
      `JetStream reports "${error.message}". Retry later, or read the log of the server`,
    ]
    return fail(code, advice)
  }
  if (named(error, "ClosedConnectionError", "DrainingConnectionError")) {
    return fail("log_unavailable", "the connection is closed. Pass natsLog one that stays open")
  }
  return fail(
    "log_unavailable",
    "no response: the server cannot be reached, or the stream has no leader. Check the servers, or retry later",
  )
}

/** The error, or a cause of it, with one of these names. The classes are in the user's package, which is not imported. */
function named(error: unknown, ...names: readonly string[]): Error | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (names.includes(at.name)) return at
  return undefined
}
