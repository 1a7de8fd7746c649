/** How an `EventSource` is refused: it reconnects after an empty stream (`soft`), and stops after a status. */
export const REFUSE = ["soft", "status"] as const

/** The limits of a hub. Each is a setting, and the message of a refusal names its option. */
export interface HubLimits {
  /** Maximum number of open streams in one process. @default 50_000 */
  readonly streams: number
  /** Maximum number of open streams of one caller. @default 1_000 */
  readonly streamsPerAddress: number
  /** Maximum number of topics and patterns of one stream. @default 1_000 */
  readonly topics: number
  /** Maximum number of different patterns that one topic is compared with: those that begin as it does. @default 1_000 */
  readonly patterns: number
  /** Maximum memory of the different patterns in use in one process, in bytes, estimated. @default 64 MiB */
  readonly patternBytes: number
  /** Maximum number of different patterns in use by one caller. @default 250 */
  readonly patternsPerAddress: number
  /** Maximum number of open presence streams in one process, a tenth of them for one caller. @default 1_000 */
  readonly presenceStreams: number
  /** Maximum size of a request's body, in bytes. @default 4 MiB */
  readonly bodyBytes: number
  /** Maximum size of all bodies handled at once, in bytes, a quarter of it for one caller. @default 64 MiB */
  readonly bodiesBytes: number
  /** Maximum size of a request's head, in bytes. The names of 1,000 topics fit into its URL. @default 64 KiB */
  readonly headBytes: number
}

/** The command-line option for each limit of the library. */
const OPTION_OF: Readonly<Record<string, string>> = {
  "limits.connections": "--max-streams",
  "limits.connectionsPerKey": "--max-streams-per-address",
  "limits.patterns": "--max-patterns",
  "limits.patternBytes": "--max-pattern-memory",
  "limits.patternsPerKey": "--max-patterns-per-address",
}

/** The operator's advice for each refusal whose message does not contain it, by its code. */
const ADVICE: Readonly<Record<string, string>> = {
  // its message names the option, because the gateway has another one
  body_too_large: "",
  too_many_topics: "Raise --max-topics to allow more.",
  too_many_bodies: "Raise --max-bodies to allow more, for bodies at /v1 --upstream-max-request.",
  busy: "Raise --max-bodies to allow more, for bodies at /v1 --upstream-max-request.",
  head_too_large: "Raise --max-head to allow more.",
  host_not_allowed: "If clients reach the hub by another name, add it as a --public-url.",
  origin_not_allowed:
    "If pages of the hub have another origin, add it as a --public-url; if other pages may use the hub, as a --cors-origin.",
}

/** Whether an option can prevent a refusal. */
export const hasAdvice = (code: string): boolean => code in ADVICE

/** Returns an error's text for the operator, with the option to change. */
export function adviseOperator(code: string, message: string): string {
  const named = message.replaceAll(/limits\.\w+/g, (name) => OPTION_OF[name] ?? name)
  return `${named} ${ADVICE[code] ?? ""}`.trim()
}
