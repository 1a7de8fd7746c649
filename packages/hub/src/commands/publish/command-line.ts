import { toDuration, toNumber } from "../../arguments.ts"
import type { Environment } from "../../config/index.ts"
import { UsageError } from "../../usage-error.ts"
import { defineCommand, readArguments } from "../flag.ts"
import { readServer, SERVER_FLAGS, type Server } from "../server.ts"

export const PUBLISH = defineCommand({
  name: "publish",
  alias: "pub",
  words: "<topic> [data]",
  about:
    "Publishes messages and prints their ids, when the hub has stored them. Without data, or with -, it reads standard input.",
  flags: {
    event: { type: "string", short: "e", value: "name", about: "The name of the event.", default: "message" },
    id: { type: "string", value: "id", about: "The id of the event.", default: "the hub's" },
    key: {
      type: "string",
      short: "k",
      value: "key",
      about:
        "The idempotency key: the hub stores a message with the same key once. %n is the number of the message or line.",
      default: "a new one",
    },
    retry: { type: "string", value: "time", about: "The reconnect delay for clients." },
    mercure: {
      type: "boolean",
      about:
        "Publishes to the Mercure endpoint, below --url or at it, one message a request. A message whose response was lost is not sent again.",
    },
    also: {
      type: "string",
      value: "topic",
      multiple: true,
      about: "A further topic of the message. Several may be given. A stream of several of them receives it once.",
    },
    private: { type: "boolean", about: "Only subscribers that are authorized receive it. Needs --mercure." },
    lines: {
      type: "boolean",
      short: "l",
      about: "Publishes each line of standard input as a message. Empty lines are skipped.",
    },
    ndjson: {
      type: "boolean",
      about:
        'Publishes each line of standard input, a message as JSON: {"topic":…,"data":…}. The topic of the command is for lines without one.',
    },
    count: {
      type: "string",
      value: "number",
      about: "Publishes the message this many times. %n in it is its number.",
      default: "1",
    },
    sleep: { type: "string", value: "time", about: "Waits between the messages of --count." },
    timeout: {
      type: "string",
      value: "time",
      about: "How long to retry while the hub is unreachable or refuses for a limit. A retried message is stored once.",
      default: "10s",
    },
    json: { type: "boolean", about: "Prints a line of JSON for each message." },
    ...SERVER_FLAGS,
    quiet: { type: "boolean", short: "q", about: "Prints ids and errors only." },
  },
})

/** The fields that all messages of a command have. */
export interface CommonFields {
  readonly event?: string
  readonly id?: string
  readonly idempotencyKey?: string
  readonly retry?: number
  readonly also?: readonly string[]
}

/** What messages to a Mercure endpoint have besides. */
export interface MercureFields {
  readonly isPrivate: boolean
}

/** Where the messages come from. */
export type Input =
  | { readonly kind: "data"; readonly data: string; readonly count: number; readonly sleep: number }
  /** All of standard input is the data of one message. */
  | { readonly kind: "whole"; readonly count: number; readonly sleep: number }
  | { readonly kind: "lines" }
  | { readonly kind: "ndjson" }

export interface PublishOptions {
  readonly server: Server
  /** Undefined only for JSON lines, which then have topics themselves. */
  readonly topic: string | undefined
  readonly fields: CommonFields
  readonly input: Input
  /** What an update of Mercure has besides; undefined for Onward's own API. */
  readonly mercure: MercureFields | undefined
  readonly timeout: number
  readonly isJson: boolean
  readonly isQuiet: boolean
}

/** Reads the arguments of `onward publish`; undefined for `--help`. Throws {@link UsageError}. */
export function readPublish(args: readonly string[], env: Environment): PublishOptions | undefined {
  const read = readArguments(PUBLISH, args)
  if (!read) return undefined
  const { values, words } = read
  const [topic, data, extra] = words
  const { lines, ndjson, count, sleep, event, id, key, retry, mercure, also = [], private: isPrivate = false } = values
  if (topic === undefined && !ndjson) throw new UsageError("The topic is missing. Use onward publish <topic> [data].")
  if (extra !== undefined) {
    throw new UsageError(`onward publish takes a topic and one text, not "${extra}" too. Put the text into quotes.`)
  }
  if (lines && ndjson) throw new UsageError("--lines and --ndjson exclude each other. Use one of them.")
  const fromLines = lines ? "--lines" : ndjson ? "--ndjson" : undefined
  if (fromLines && data !== undefined && data !== "-") {
    throw new UsageError(`onward publish ${fromLines} reads standard input, not "${data}". Leave it out.`)
  }
  if (fromLines && count !== undefined) throw new UsageError(`--count is not for ${fromLines}. Leave it out.`)
  if (ndjson && (id ?? key) !== undefined) {
    throw new UsageError("--id and --key are not for --ndjson, whose lines have ids themselves. Leave them out.")
  }
  if (!mercure && isPrivate) throw new UsageError("--private is for updates of Mercure. Add --mercure.")
  if (mercure && (ndjson || key !== undefined)) {
    throw new UsageError("--ndjson and --key are not for --mercure, which has neither batches nor idempotency keys.")
  }
  if (sleep !== undefined && count === undefined) throw new UsageError("--sleep needs --count. Add it.")
  const repeats = count === undefined ? 1 : toNumber("--count", count, 1, 999_999_999)
  for (const [name, value] of Object.entries({ "--id": id, "--key": key })) {
    if (value === undefined || value.includes("%n") || (repeats === 1 && !lines)) continue
    throw new UsageError(
      `${name} would be the same for each message, and the hub would store the first only. Add %n to it.`,
    )
  }
  const times = { count: repeats, sleep: sleep === undefined ? 0 : toDuration("--sleep", sleep, 0, 86_400_000) }
  return {
    server: readServer(values, env),
    topic,
    fields: {
      ...(event !== undefined && { event }),
      ...(id !== undefined && { id }),
      ...(key !== undefined && { idempotencyKey: key }),
      ...(retry !== undefined && { retry: toDuration("--retry", retry, 0, 3_600_000) }),
      ...(also.length > 0 && { also }),
    },
    input: fromLines
      ? { kind: lines ? "lines" : "ndjson" }
      : data === undefined || data === "-"
        ? { kind: "whole", ...times }
        : { kind: "data", data, ...times },
    mercure: mercure ? { isPrivate } : undefined,
    timeout: toDuration("--timeout", values.timeout ?? PUBLISH.flags.timeout.default, 0, 86_400_000),
    isJson: values.json === true,
    isQuiet: values.quiet === true,
  }
}
