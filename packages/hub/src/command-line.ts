import { parseArgs } from "node:util"
import { isLoopback } from "./guard.ts"
import { suggest } from "./suggest.ts"

export const USAGE = `Usage: onward serve [options]

Starts a hub: POST /publish, GET /events?topic=…, GET /healthz.

Options:
  --port <number>   where to listen; 0 takes any free port   [$PORT, or 4000]
  --host <address>  on which address                         [127.0.0.1]
  --data <folder>   where the log is kept; created if need be [./data]
  --demo            the page at /, with live examples        [only on this machine's own addresses]
  --no-demo
  --help, --version
`

/** What `onward serve` is told. */
export interface ServeOptions {
  readonly port: number
  readonly host: string
  readonly data: string
  readonly demo: boolean
}

export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | ({ readonly name: "serve" } & ServeOptions)

/** A command line nobody could carry out; the message is one line that says what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError"
}

const COMMANDS = ["serve"]
const OPTIONS = {
  port: { type: "string" },
  host: { type: "string" },
  data: { type: "string" },
  demo: { type: "boolean" },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const
const FLAGS = Object.keys(OPTIONS).map((name) => `--${name}`)

/** Reads a command line (without `node` and the script). Throws {@link UsageError}. */
export function readCommandLine(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  const { values, positionals } = parse(args)
  if (values.help) return { name: "help" }
  if (values.version) return { name: "version" }
  const [command, extra] = positionals
  if (command === undefined) throw new UsageError("say what to do: onward serve (onward --help lists the options)")
  if (!COMMANDS.includes(command)) throw new UsageError(unknown("command", command, COMMANDS))
  if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many: onward serve takes options only`)
  const host = filled("--host", values.host) ?? "127.0.0.1"
  return {
    name: "serve",
    port: toPort(values.port === undefined ? "PORT" : "--port", values.port ?? (env["PORT"] || "4000")),
    host,
    data: filled("--data", values.data) ?? "./data",
    demo: values.demo ?? isLoopback(host),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, allowNegative: true })
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string }
    const flag = /'(--?[^' ]+)/.exec(message)?.[1] ?? ""
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw new UsageError(unknown("option", flag, FLAGS))
    if (flag === "") throw error
    throw new UsageError(`${flag} is not used like this: onward --help shows how`)
  }
}

function unknown(kind: string, given: string, known: readonly string[]): string {
  const meant = suggest(given, known)
  return `there is no ${kind} "${given}": ${meant === undefined ? "onward --help lists what there is" : `did you mean ${meant}?`}`
}

function filled(flag: string, value: string | undefined): string | undefined {
  if (value === "") throw new UsageError(`${flag} is empty: give it a value or leave it out`)
  return value
}

function toPort(name: string, text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new UsageError(`${name} must be a number from 0 to 65535, not "${text}"`)
  }
  return Number(text)
}
