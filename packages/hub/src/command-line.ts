import { unknown } from "./arguments.ts"
import { CLIENT_COMMANDS, commandUsage, findCommand, type Runnable } from "./commands/index.ts"
import { optionsUsage, readFlags, type Environment, type Flags } from "./config/index.ts"
import { readToken, TOKEN_USAGE, type TokenCommand } from "./token/index.ts"
import { UsageError } from "./usage-error.ts"

/** What `--help` prints. */
export const usage = (): string => `Usage: onward serve [options]           starts a hub
       onward check [options]           checks the configuration and starts nothing
       onward config [options]          prints each setting, and where its value comes from
       onward token create [options]    creates a token or a publish key
       onward token check <token>       explains what a token may do
       onward health [options]          asks a running hub whether it answers; exit code 0 or 1
       onward backup <file> [options]   copies the SQLite log, while the hub runs
       onward restore <file> [options]  puts a backup in place, while the hub does not run
${clientUsage()}
onward serve starts a hub: POST /publish, GET /events?topic=…, GET /readyz.
Settings come from options, environment variables (onward config lists them) and a YAML file, in this order.

  --config <file>   The configuration file. [$ONWARD_CONFIG, or onward.yaml if it is there]
${optionsUsage()}
${TOKEN_USAGE}
  --help, --version
`

/** The commands that talk to a running hub, whose own `--help` prints their flags. */
function clientUsage(): string {
  return CLIENT_COMMANDS.map(({ table: { name, words, about } }) => {
    const [short = ""] = about.split(/[,.] /)
    return `       ${`onward ${name} ${words}`.padEnd(32)} ${short.replace(/\.$/, "").replace(/^./, (letter) => letter.toLowerCase())}\n`
  }).join("")
}

export type Command =
  | { readonly name: "help"; readonly text: string }
  | ({ readonly name: "client" } & Runnable)
  | { readonly name: "version" }
  | { readonly name: Configured; readonly flags: Flags }
  | { readonly name: Filed; readonly file: string; readonly flags: Flags }
  | TokenCommand

/** Commands that read the configuration. */
const CONFIGURED = ["serve", "check", "config", "health"] as const
export type Configured = (typeof CONFIGURED)[number]

/** Commands that read the configuration, and work on a file. */
const FILED = ["backup", "restore"] as const
type Filed = (typeof FILED)[number]

const COMMANDS = [...CONFIGURED, ...FILED, "token", ...CLIENT_COMMANDS.map(({ table }) => table.name)]

/** Reads a command line (without `node` and the script). Throws {@link UsageError}. */
export function readCommandLine(args: readonly string[], env: Environment = {}): Command {
  if (args[0] === "token") return readToken(args.slice(1)) ?? help()
  const client = args[0] === undefined ? undefined : findCommand(args[0])
  if (client) {
    const runnable = client.read(args.slice(1), env)
    return runnable ? { name: "client", ...runnable } : { name: "help", text: commandUsage(client.table) }
  }
  const flags = readFlags(args)
  if (flags.isHelp) return help()
  if (flags.isVersion) return { name: "version" }
  const [command, first, second] = flags.words
  if (command === undefined) {
    throw new UsageError("A command is missing. Use onward serve; onward --help lists the commands.")
  }
  const filed = FILED.find((each) => each === command)
  const extra = filed === undefined ? first : second
  const name = filed ?? CONFIGURED.find((each) => each === command)
  if (name === undefined) throw new UsageError(unknown("command", command, COMMANDS))
  if (extra !== undefined) {
    throw new UsageError(`onward ${name} takes ${filed ? "one file" : "options only"}, not "${extra}". Leave it out.`)
  }
  if (filed === undefined) return { name: name as Configured, flags }
  if (first === undefined) throw new UsageError(`The file is missing. Use onward ${filed} <file>.`)
  return { name: filed, file: first, flags }
}

const help = (): Command => ({ name: "help", text: usage() })
