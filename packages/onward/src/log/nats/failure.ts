import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

/** An error that JetStream answered with; `number` is its `err_code`, the list is `server/errors.json` of nats-server. */
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

/** What JetStream answers when a stream or a message is not there. */
export const NOT_FOUND = 404

const FULL = "the store is full: give it room (`max_file_store`, the account's limits, the stream's), or keep less"
const OFF = "JetStream is off for this account: start nats-server with --js, and let the account use it"
const TAKEN = "a stream that is not an Onward log has this name or its subjects: choose another `stream`"

const CODES: Readonly<Record<number, readonly [code: OnwardErrorCode, advice: string]>> = {
  10_023: ["log_full", FULL],
  10_026: ["log_full", "the account may have no more streams: raise its limit, or remove one"],
  10_028: ["log_full", FULL],
  10_039: ["log_unsupported", OFF],
  10_047: ["log_full", FULL],
  10_058: ["log_corrupt", TAKEN],
  10_065: ["log_corrupt", TAKEN],
  10_074: ["log_unsupported", "`replicas` above 1 need a cluster: connect to one, or leave the option out"],
  10_076: ["log_unsupported", OFF],
  10_077: ["log_full", FULL],
}

/** True when the server said that nobody listens on the subject. */
export const isUnheard = (error: unknown): boolean => named(error, "NoResponders", "NoRespondersError") !== undefined

/** True when waiting a little and doing the same again may help. */
export const isPassing = (error: unknown): boolean =>
  error instanceof JetStreamError
    ? error.status === 503 && CODES[error.number] === undefined
    : isUnheard(error) || named(error, "TimeoutError") !== undefined

/** Turns a failure into the error users see. */
export function toOnwardError(stream: string, error: unknown): OnwardError {
  if (error instanceof OnwardError) return error
  const fail = (code: OnwardErrorCode, advice: string): OnwardError =>
    new OnwardError(code, `log ${stream}: ${advice}`, { cause: error })
  const refused = named(error, "PermissionViolationError")
  if (refused) {
    const { operation = "use", subject = "a subject" } = refused as { operation?: string; subject?: string }
    return fail(
      "log_denied",
      `the server does not let this user ${operation} ${subject}: docs/nats.md has what it needs`,
    )
  }
  if (named(error, "AuthorizationError", "UserAuthenticationExpiredError")) {
    return fail("log_denied", "the server refuses this user: check what the connection authenticates with")
  }
  if (error instanceof JetStreamError) {
    const [code, advice] = CODES[error.number] ?? ["log_unavailable", `JetStream answered "${error.message}"`]
    return fail(code, advice)
  }
  if (named(error, "ClosedConnectionError", "DrainingConnectionError")) {
    return fail("log_unavailable", "the connection is closed: give natsLog one that stays open")
  }
  return fail("log_unavailable", "no answer: the server is away, or the stream has no leader just now")
}

/** The error or its cause that has one of these names; classes of the user's package, which is not imported. */
function named(error: unknown, ...names: readonly string[]): Error | undefined {
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (names.includes(at.name)) return at
  return undefined
}
