import { unknown } from "./arguments.ts"
import { optionsUsage, readFlags, type Flags } from "./config/index.ts"
import { readDoctor, type DoctorOptions } from "./doctor/index.ts"
import { readToken, TOKEN_USAGE, type TokenCommand } from "./token/index.ts"
import { UsageError } from "./usage-error.ts"

/** What `--help` prints. */
export const usage = (): string => `Usage: onward serve [options]           starts a hub
       onward check [options]           checks the configuration and starts nothing
       onward config [options]          prints each setting, and where its value comes from
       onward token create [options]    creates a token or a publish key
       onward token check <token>       explains what a token may do
       onward doctor <url> [options]    finds what blocks a stream

onward serve starts a hub: POST /publish, GET /events?topic=…, GET /readyz.
Settings come from options, environment variables (onward config lists them) and a YAML file, in this order.

  --config <file>   The configuration file. [$ONWARD_CONFIG, or onward.yaml if it is there]
${optionsUsage()}
onward doctor requests a stream and reports what buffers it, changes it or cuts it.

  --header <h>      A request header, such as 'authorization: Bearer …'. Several may be given.
  --listen <ms>     How long to listen. [until a heartbeat is due]

${TOKEN_USAGE}
  --help, --version
`

export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | { readonly name: "serve" | "check" | "config"; readonly flags: Flags }
  | ({ readonly name: "doctor" } & DoctorOptions)
  | TokenCommand

/** Commands that read the configuration. */
const CONFIGURED = ["serve", "check", "config"] as const
const COMMANDS = [...CONFIGURED, "doctor", "token"]

/** Reads a command line (without `node` and the script). Throws {@link UsageError}. */
export function readCommandLine(args: readonly string[]): Command {
  if (args[0] === "doctor") return readDoctor(args.slice(1))
  if (args[0] === "token") return readToken(args.slice(1))
  const flags = readFlags(args)
  if (flags.isHelp) return { name: "help" }
  if (flags.isVersion) return { name: "version" }
  const [command, extra] = flags.words
  if (command === undefined) {
    throw new UsageError("A command is missing. Use onward serve; onward --help lists the commands.")
  }
  const name = CONFIGURED.find((each) => each === command)
  if (name === undefined) throw new UsageError(unknown("command", command, COMMANDS))
  if (extra !== undefined) throw new UsageError(`onward ${name} takes options only, not "${extra}". Leave it out.`)
  return { name, flags }
}
