import { OnwardError, type OnwardErrorCode } from "../../errors.ts"

/** By how Redis's errors begin (redis.io/docs/reference/protocol-spec, "Simple errors"), or what they say in a script. */
const CODES: readonly (readonly [says: RegExp, code: OnwardErrorCode, advice: string])[] = [
  [
    /\b(NOAUTH|WRONGPASS)\b/,
    "log_denied",
    "Redis refuses the user or password: check what the client was created with",
  ],
  [
    /\bNOPERM\b|ACL failure|user executing the script can't/,
    "log_denied",
    'the Redis user may not do what a log needs: see "Permissions" in docs/redis.md for the ACL rule',
  ],
  [
    /\b(FOREIGN|WRONGTYPE)\b/,
    "log_corrupt",
    "another program's data is under its keys: choose another `name`, or remove those keys",
  ],
  [/\bUNSUPPORTED\b/, "log_unsupported", "this server is too old, or Onward is: Redis 7 or newer is needed"],
  [
    /unknown command|CROSSSLOT/i,
    "log_unsupported",
    "this server lacks commands that a log needs: Redis 7 or newer is needed",
  ],
  [/\bOOM\b/, "log_full", "Redis has no memory left: raise `maxmemory`, or keep less (`retention`)"],
  [/\bMISCONF\b/, "log_full", "Redis cannot write to its disk and takes no writes: make room there, see its own log"],
  [
    /\bREADONLY\b/,
    "log_unavailable",
    "this server is a replica just now: wait for the failover, or connect to the master",
  ],
  [/\bNOREPLICAS\b/, "log_unavailable", "too few replicas are connected for `min-replicas-to-write`"],
  [/\b(LOADING|CLUSTERDOWN|MASTERDOWN|TRYAGAIN|BUSY)\b/, "log_unavailable", "Redis is not ready yet"],
]

/** Turns what a client rejected with into the error users see. */
export function toOnwardError(key: string, cause: unknown): OnwardError {
  if (cause instanceof OnwardError) return cause
  const says = cause instanceof Error ? cause.message : String(cause)
  const [, code = "log_unavailable", advice = "Redis did not answer: check that it runs and can be reached"] =
    CODES.find(([pattern]) => pattern.test(says)) ?? []
  return new OnwardError(code, `log ${key}: ${advice}`, { cause })
}

/** True when the server does not know the script, as after every restart. */
export const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("NOSCRIPT")
