import { toBytes, toDuration, toNumber } from "../../arguments.ts"
import type { Environment } from "../../config/index.ts"
import { isLoopback } from "../../guard.ts"
import { UsageError } from "../../usage-error.ts"
import { defineCommand, readArguments } from "../flag.ts"
import { readServer, SERVER_FLAGS, type Server } from "../server.ts"

export const BENCH = defineCommand({
  name: "bench",
  words: "",
  about:
    "Loads a hub with publishers and subscribers, checks that each event arrives once and in order, and measures the delivery lag.",
  flags: {
    clients: { type: "string", value: "number", about: "Streams, each of one topic.", default: "100" },
    topics: { type: "string", value: "number", about: "Topics, named bench/….", default: "10" },
    rate: { type: "string", value: "number", about: "Messages a second, over all topics.", default: "100" },
    size: { type: "string", value: "size", about: "The data of a message.", default: "128" },
    duration: { type: "string", value: "time", about: "How long messages are published.", default: "10s" },
    publishers: { type: "string", value: "number", about: "Publishers, which share the rate.", default: "2" },
    resume: {
      type: "string",
      value: "percent",
      about: "The part of the streams that is cut once, at a random time, and resumes.",
      default: "0%",
    },
    csv: { type: "boolean", about: "Prints a header and a row of comma-separated values." },
    json: { type: "boolean", about: "Prints a line of JSON." },
    "i-own-this-server": {
      type: "boolean",
      about: "Allows a hub that is not on this machine. Load only servers that you are responsible for.",
    },
    ...SERVER_FLAGS,
    quiet: { type: "boolean", short: "q", about: "Prints the result only." },
  },
})

export interface BenchOptions {
  readonly server: Server
  readonly clients: number
  readonly topics: number
  /** Messages a second, in all. */
  readonly rate: number
  /** Bytes of a message's data. */
  readonly size: number
  readonly duration: number
  readonly publishers: number
  /** The part of the clients that is cut, from 0 to 1. */
  readonly resume: number
  readonly output: "table" | "csv" | "json"
  readonly isQuiet: boolean
}

/** Reads the arguments of `onward bench`; undefined for `--help`. Throws {@link UsageError}. */
export function readBench(args: readonly string[], env: Environment): BenchOptions | undefined {
  const read = readArguments(BENCH, args)
  if (!read) return undefined
  const { values, words } = read
  const { flags } = BENCH
  if (words[0] !== undefined) throw new UsageError(`onward bench takes options only, not "${words[0]}". Leave it out.`)
  if (values.csv && values.json) throw new UsageError("--csv and --json exclude each other. Use one of them.")
  const server = readServer(values, env)
  const { hostname } = new URL(server.url)
  if (!isLoopback(hostname.replace(/^\[|\]$/g, "")) && !values["i-own-this-server"]) {
    throw new UsageError(
      `${hostname} is not this machine, and a load test of another person's server is an attack. Add --i-own-this-server if you are responsible for it.`,
    )
  }
  const topics = toNumber("--topics", values.topics ?? flags.topics.default, 1, 10_000)
  const options: BenchOptions = {
    server,
    topics,
    clients: toNumber("--clients", values.clients ?? flags.clients.default, 1, 20_000),
    rate: toNumber("--rate", values.rate ?? flags.rate.default, 1, 100_000),
    size: toBytes("--size", values.size ?? flags.size.default, 64, 262_144),
    duration: toDuration("--duration", values.duration ?? flags.duration.default, 100, 600_000),
    // a topic has one publisher, so that its order is known
    publishers: Math.min(topics, toNumber("--publishers", values.publishers ?? flags.publishers.default, 1, 64)),
    resume: toPercent(values.resume ?? flags.resume.default),
    output: values.csv ? "csv" : values.json ? "json" : "table",
    isQuiet: values.quiet === true,
  }
  checkDescriptors(options)
  return options
}

function toPercent(text: string): number {
  const [, amount] = /^(\d{1,3})%?$/.exec(text) ?? []
  if (amount !== undefined && Number(amount) <= 100) return Number(amount) / 100
  throw new UsageError(`Invalid value for --resume: "${text}". Use a part from 0% to 100%.`)
}

/** Descriptors besides those of streams and publishers. */
const OTHER_DESCRIPTORS = 64

/** Each stream is a socket, and a process may only have so many files open. */
function checkDescriptors({ clients, publishers }: BenchOptions): void {
  const { userLimits } = process.report.getReport() as unknown as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: number | "unlimited" } }
  }
  const limit = Number(userLimits?.open_files?.soft ?? Infinity)
  const needed = clients + publishers + OTHER_DESCRIPTORS
  if (!(limit < needed)) return
  throw new UsageError(
    `${clients} streams need ${needed} open files, and this shell allows ${limit}. Run ulimit -n ${needed} before, for the hub too, or use fewer --clients.`,
  )
}
