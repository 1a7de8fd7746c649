/** Names of the options that every kind of client has. */
const CONNECTION = [
  "method",
  "headers",
  "body",
  "fetch",
  "credentials",
  "signal",
  "lastEventId",
  "incremental",
  "maxEventChars",
  "connectTimeout",
  "idleTimeout",
  "eventTimeout",
  "maxServerDelay",
  "observe",
  "clock",
]

/** Names of the options of `EventSource`. */
export const EVENT_SOURCE_OPTIONS: readonly string[] = [...CONNECTION, "withCredentials", "retry", "reconnectionTime"]

/** Names of the options of `stream`, and of what stands on it. */
export const STREAM_OPTIONS: readonly string[] = [
  ...CONNECTION,
  "retry",
  "reconnectOnEnd",
  "repeat",
  "resume",
  "until",
  "onStatus",
  "reconnectingAfter",
  "onGap",
  "whenHidden",
  "hiddenAfter",
  "shared",
  "events",
  "validate",
  "onInvalid",
]

/** Of `retry`, wherever it is an object. */
export const RETRY_OPTIONS: readonly string[] = ["base", "max", "attempts"]
