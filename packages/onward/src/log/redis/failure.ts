import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

/** Errors by their first word (redis.io/docs/reference/protocol-spec, "Simple errors"), or by their text in a script. */
const CODES: readonly (readonly [says: RegExp, code: OnwardErrorCode, advice: string])[] = [
  [/\b(NOAUTH|WRONGPASS)\b/, "log_denied", "Redis refuses the user or password. Check the options of the client"],
  [
    /\bNOPERM\b|ACL failure|user executing the script can't/,
    "log_denied",
    'the Redis user has no permission for a command that a log needs. See "Permissions" in docs/redis.md for the ACL rule',
  ],
  [
    /\b(FOREIGN|WRONGTYPE)\b/,
    "log_corrupt",
    "its keys hold the data of another program. Choose another `name`, or remove those keys",
  ],
  [
    /\bUNSUPPORTED\b/,
    "log_unsupported",
    "the server is older than Redis 7, or a newer version of Onward wrote the log. Update the older one",
  ],
  [
    /unknown command|CROSSSLOT/i,
    "log_unsupported",
    "the server does not have the commands that a log needs. Use Redis 7 or newer",
  ],
  [/\bOOM\b/, "log_full", "Redis has no memory left. Raise `maxmemory`, or lower `retention`"],
  [
    /\bMISCONF\b/,
    "log_full",
    "Redis cannot write to its disk and refuses writes. Make room on the disk, and read the log of the server",
  ],
  [/\bREADONLY\b/, "log_unavailable", "the server is a replica now. Wait for the failover, or connect to the master"],
  [
    /\bNOREPLICAS\b/,
    "log_unavailable",
    "fewer replicas are connected than `min-replicas-to-write` requires. Connect more replicas, or lower the setting",
  ],
  [/\b(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY)\b/, "log_unavailable", "Redis is not ready yet. Retry later"],
]

/** Converts an error of the client into an `OnwardError`. */
export function toOnwardError(key: string, cause: unknown): OnwardError {
  if (cause instanceof OnwardError) return cause
  const says = cause instanceof Error ? cause.message : String(cause)
  const [, code = "log_unavailable", advice = "Redis did not respond. Check that it runs and can be reached"] =
    CODES.find(([pattern]) => pattern.test(says)) ?? []
  return new OnwardError(code, `log ${key}: ${advice}.`, { cause })
}

/** True when the server does not have the script in its cache, for example after a restart. */
export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("NOSCRIPT")
