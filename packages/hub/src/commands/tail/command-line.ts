import { toDuration, toNumber } from "../../arguments.ts"
import { isPattern } from "onward"
import type { Environment } from "../../config/index.ts"
import { UsageError } from "../../usage-error.ts"
import { defineCommand, readArguments } from "../flag.ts"
import { readServer, SERVER_FLAGS, type Server } from "../server.ts"
import { compileFormat, type Format } from "./format.ts"

export const TAIL = defineCommand({
  name: "tail",
  alias: "sub",
  words: "<topic…>",
  about:
    "Prints the events of topics and patterns as they arrive, and resumes after lost connections. Patterns contain * or :name.",
  flags: {
    since: {
      type: "string",
      value: "time",
      about: "Starts with the events of this time, such as 10m, or since an ISO 8601 time.",
    },
    last: { type: "string", value: "number", about: "Starts with the newest events, at most this many." },
    all: { type: "boolean", about: "Starts with the oldest event that the hub keeps." },
    after: { type: "string", value: "id", about: "Starts after the event with this id." },
    count: { type: "string", short: "c", value: "number", about: "Ends after this many events." },
    exit: {
      type: "boolean",
      short: "e",
      about: "Ends after the events that the hub keeps. Starts with the oldest by default.",
    },
    event: { type: "string", value: "name", multiple: true, about: "Only events of this name. Several may be given." },
    format: {
      type: "string",
      short: "f",
      value: "format",
      about:
        "Prints each event in this format: %t topic, %i id, %e event name, %d data, %s bytes of data, %T time of arrival, %% percent; \\n, \\t and \\\\.",
      default: "%d\\n",
    },
    json: { type: "boolean", about: 'Prints each event as a line of JSON, and a gap as {"gap":…}.' },
    raw: { type: "boolean", about: "Prints data as it is, with control characters, also to a terminal." },
    time: { type: "boolean", short: "t", about: "Prints the time of arrival before each event." },
    exec: {
      type: "string",
      value: "command",
      about:
        "Runs a command of the shell for each event, one after the other, instead of printing: data on its standard input, the rest in ONWARD_TOPIC, ONWARD_ID and ONWARD_EVENT.",
    },
    mercure: {
      type: "boolean",
      about:
        "Reads the Mercure endpoint, below --url or at it. Topics are exact, URI templates such as https://example.com/books/{id}, or *. The topic of an event is known only if one exact topic is given.",
    },
    dialect: {
      type: "string",
      value: "0 or 1",
      about:
        "The version of Mercure, with --mercure: 0 for 0.x. With 1, for 1.0, topics are exact, URL patterns such as https://example.com/books/:id, or *.",
      default: "0",
    },
    exact: {
      type: "boolean",
      about: "With --mercure --dialect 1, topics are exact also if they look like URL patterns.",
    },
    stats: { type: "boolean", about: "Prints the number of events and their rate each second, on standard error." },
    ...SERVER_FLAGS,
    quiet: {
      type: "boolean",
      short: "q",
      about: "Prints nothing about lost connections. Gaps and errors are still printed.",
    },
  },
})

/** Where a stream starts: a query parameter, or the id of an event. */
type Start = { readonly since: string } | { readonly last: number } | { readonly after: string }

export interface TailOptions {
  readonly server: Server
  readonly topics: readonly string[]
  /** @default with new events */
  readonly start: Start | undefined
  /** Whether the stream continues after the events that the hub keeps. */
  readonly follow: boolean
  readonly count: number
  /** The names of events; empty for all. */
  readonly events: readonly string[]
  /** How events are printed. `exec` is a command to run instead. */
  readonly print:
    | { readonly kind: "json" }
    | { readonly kind: "format"; readonly format: Format }
    | { readonly kind: "exec"; readonly command: string }
  /** Whether control characters reach a terminal. */
  readonly isRaw: boolean
  readonly hasTime: boolean
  readonly hasStats: boolean
  /** The dialect of Mercure; undefined for the hub's own API. */
  readonly dialect: 0 | 1 | undefined
  /** Whether topics are exact in Mercure 1.0, also those that look like URL patterns. */
  readonly isExact: boolean
  readonly isQuiet: boolean
}

/** Reads the arguments of `onward tail`; undefined for `--help`. Throws {@link UsageError}. */
export function readTail(args: readonly string[], env: Environment): TailOptions | undefined {
  const read = readArguments(TAIL, args)
  if (!read) return undefined
  const { values, words: topics } = read
  if (topics.length === 0) throw new UsageError("The topics are missing. Use onward tail <topic…>.")
  const starts = (["since", "last", "all", "after"] as const).filter((name) => values[name] !== undefined)
  const [first, second] = starts
  if (second) throw new UsageError(`--${first} and --${second} both say where to start. Use one of them.`)
  const prints = (["format", "json", "exec"] as const).filter((name) => values[name] !== undefined)
  if (prints[1]) throw new UsageError(`--${prints[0]} and --${prints[1]} exclude each other. Use one of them.`)
  const other = values.mercure && (["since", "last", "exit"] as const).find((name) => values[name] !== undefined)
  if (other) throw new UsageError(`--${other} is not for --mercure. Use --all, or --after <id>.`)
  if (values.dialect !== undefined && !values.mercure) throw new UsageError("--dialect is for Mercure. Add --mercure.")
  if (values.exact && values.dialect !== "1")
    throw new UsageError("--exact is for Mercure 1.0. Add --mercure --dialect 1.")
  const { exec, json, format = TAIL.flags.format.default, count } = values
  const follow = values.exit !== true
  return {
    server: readServer(values, env),
    topics,
    start: startOf(values) ?? (follow ? undefined : { after: "earliest" }),
    follow,
    count: count === undefined ? Infinity : toNumber("--count", count, 1, 999_999_999),
    events: values.event ?? [],
    print:
      exec !== undefined
        ? { kind: "exec", command: exec }
        : json
          ? { kind: "json" }
          : { kind: "format", format: compileFormat(values.time ? `%T ${format}` : format) },
    isRaw: values.raw === true,
    hasTime: values.time === true,
    hasStats: values.stats === true,
    dialect: values.mercure ? dialectOf(values.dialect ?? TAIL.flags.dialect.default) : undefined,
    isExact: values.exact === true,
    isQuiet: values.quiet === true,
  }
}

interface StartValues {
  readonly since?: string
  readonly last?: string
  readonly all?: boolean
  readonly after?: string
}

function startOf({ since, last, all, after }: StartValues): Start | undefined {
  if (all) return { after: "earliest" }
  if (after !== undefined) return { after }
  if (last !== undefined) return { last: toNumber("--last", last, 0, 999_999_999) }
  if (since === undefined) return undefined
  // the hub reads times; a duration is checked here, where a mistake is told at once
  if (/^\d{4}-\d\d-\d\d/.test(since) && !Number.isNaN(Date.parse(since))) return { since }
  return { since: `${toDuration("--since", since, 1, 3_650 * 86_400_000)}ms` }
}

function dialectOf(text: string): 0 | 1 {
  if (text === "0" || text === "1") return text === "0" ? 0 : 1
  throw new UsageError(`--dialect is 0 or 1, not "${text}".`)
}

/** What a URL pattern has and a URL rarely: a wildcard, a group, or a name at the start of a segment, a label or a value. */
const URL_PATTERN = /[*{(]|(?:^|[/.?&=#]):[A-Za-z_$]/

/** The parameter that asks for a topic or pattern. */
export function parameterOf(
  topic: string,
  { dialect, isExact }: Pick<TailOptions, "dialect" | "isExact">,
): "topic" | "match" | "match_urlpattern" {
  if (dialect !== 1) return "topic"
  return !isExact && topic !== "*" && URL_PATTERN.test(topic) ? "match_urlpattern" : "match"
}

/** The topic of all events, if there is only one. */
export function onlyTopic({
  topics: [topic = "", ...others],
  dialect,
  isExact,
}: Pick<TailOptions, "topics" | "dialect" | "isExact">): string | undefined {
  if (others.length > 0 || topic === "*") return undefined
  const isOne =
    dialect === 1
      ? parameterOf(topic, { dialect, isExact }) === "match"
      : dialect === 0
        ? !topic.includes("{")
        : !isPattern(topic)
  return isOne ? topic : undefined
}
