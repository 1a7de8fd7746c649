import { toNumber } from "./arguments.ts"

/** What a hub allows. Each is set by an option of the command line, which the message of its refusal names. */
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

export const defaultLimits: HubLimits = {
  streams: 50_000,
  streamsPerAddress: 1_000,
  topics: 100,
  patterns: 1_000,
  patternsPerAddress: 250,
  presenceStreams: 1_000,
  bodyBytes: 4 * 1024 ** 2,
  bodiesBytes: 64 * 1024 ** 2,
  headBytes: 65_536,
}

export const LIMITS_USAGE = `  --max-streams <n>, --max-streams-per-address <n>
                    how many streams may be open in one process, and of one client address         [50000, 1000]
  --max-topics <n>  how many topics and patterns one stream may name                               [100]
  --max-patterns <n>, --max-patterns-per-address <n>
                    how many different patterns may be in use in one process, and by one address   [1000, 250]
  --max-presence-streams <n>
                    how many streams of presence may be open; one address may have a tenth of them [1000]
  --max-body <bytes>, --max-bodies <bytes>
                    largest body of a request, and of all requests handled at once     [4194304, 67108864]
  --max-head <bytes>
                    longest head of a request, whose URL names the topics              [65536]
`

export const LIMITS_FLAGS = {
  "max-streams": { type: "string" },
  "max-streams-per-address": { type: "string" },
  "max-topics": { type: "string" },
  "max-patterns": { type: "string" },
  "max-patterns-per-address": { type: "string" },
  "max-presence-streams": { type: "string" },
  "max-body": { type: "string" },
  "max-bodies": { type: "string" },
  "max-head": { type: "string" },
} as const

type Flag = keyof typeof LIMITS_FLAGS

/** What each flag sets, and its smallest and largest value. */
const NUMBERS: readonly [flag: Flag, limit: keyof HubLimits, least: number, most: number][] = [
  ["max-streams", "streams", 1, 10_000_000],
  ["max-streams-per-address", "streamsPerAddress", 1, 10_000_000],
  ["max-topics", "topics", 1, 10_000],
  ["max-patterns", "patterns", 1, 1_000_000],
  ["max-patterns-per-address", "patternsPerAddress", 1, 1_000_000],
  ["max-presence-streams", "presenceStreams", 1, 1_000_000],
  ["max-body", "bodyBytes", 1_024, 268_435_456],
  ["max-bodies", "bodiesBytes", 1_024, 999_999_999],
  ["max-head", "headBytes", 4_096, 16_777_216],
]

/** Reads the limits of a command line; undefined when it sets none. Throws {@link UsageError}. */
export function readLimits(given: { readonly [Name in Flag]?: string | undefined }): Partial<HubLimits> | undefined {
  const limits: Partial<Record<keyof HubLimits, number>> = {}
  for (const [flag, limit, least, most] of NUMBERS) {
    const text = given[flag]
    if (text !== undefined) limits[limit] = toNumber(`--${flag}`, text, least, most)
  }
  return Object.keys(limits).length > 0 ? limits : undefined
}

/** What the library calls a limit, in the words of the command line. */
const OPTIONS: Readonly<Record<string, string>> = {
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
  host_not_allowed: "If clients reach the hub by another name, add it as a --public-url.",
  origin_not_allowed: "If pages of the hub have another origin, add it as a --public-url.",
}

/** Whether a refusal is one that an option can prevent. */
export const hasAdvice = (code: string): boolean => code in ADVICE

/** The text of an error for the operator, who can change options. */
export function adviseOperator(code: string, message: string): string {
  const named = message.replaceAll(/limits\.\w+/g, (name) => OPTIONS[name] ?? name)
  return `${named} ${ADVICE[code] ?? ""}`.trim()
}
