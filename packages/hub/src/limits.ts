/** What an `EventSource` that is refused gets: it reconnects after an empty stream, and gives up after a status. */
export const REFUSE = ["soft", "status"] as const

/** What a hub allows. Each is a setting, which the message of its refusal names by its option. */
export interface HubLimits {
  /** Streams open at once in one process. @default 50_000 */
  readonly streams: number
  /** Streams open at once of one caller. @default 1_000 */
  readonly streamsPerAddress: number
  /** Topics and patterns of one stream together. @default 100 */
  readonly topics: number
  /** Different patterns in use at once in one process. @default 1_000 */
  readonly patterns: number
  /** Different patterns in use at once by one caller. @default 250 */
  readonly patternsPerAddress: number
  /** Streams of presence open at once in one process; one caller may have a tenth of them. @default 1_000 */
  readonly presenceStreams: number
  /** Largest body of a request, in bytes. @default 4 MiB */
  readonly bodyBytes: number
  /** Bytes of all bodies handled at once; one caller may have a quarter of them. @default 64 MiB */
  readonly bodiesBytes: number
  /** Longest head of a request, in bytes: the names of 1,000 topics fit into its URL. @default 64 KiB */
  readonly headBytes: number
}

/** What the library calls a limit, in the words of the command line. */
const OPTION_OF: Readonly<Record<string, string>> = {
  "limits.connections": "--max-streams",
  "limits.connectionsPerKey": "--max-streams-per-address",
  "limits.patterns": "--max-patterns",
  "limits.patternsPerKey": "--max-patterns-per-address",
}

/** What an operator can do about a refusal, by its code, where its message does not say it. */
const ADVICE: Readonly<Record<string, string>> = {
  // its message names the option, because the gateway has one of its own
  body_too_large: "",
  too_many_topics: "Raise --max-topics to allow more.",
  too_many_bodies: "Raise --max-bodies to allow more, for bodies at /v1 --upstream-max-request.",
  busy: "Raise --max-bodies to allow more, for bodies at /v1 --upstream-max-request.",
  head_too_large: "Raise --max-head to allow more.",
  host_not_allowed: "If clients reach the hub by another name, add it as a --public-url.",
  origin_not_allowed:
    "If pages of the hub have another origin, add it as a --public-url; if other pages may use the hub, as a --cors-origin.",
}

/** Whether a refusal is one that an option can prevent. */
export const hasAdvice = (code: string): boolean => code in ADVICE

/** The text of an error for the operator, who can change options. */
export function adviseOperator(code: string, message: string): string {
  const named = message.replaceAll(/limits\.\w+/g, (name) => OPTION_OF[name] ?? name)
  return `${named} ${ADVICE[code] ?? ""}`.trim()
}
