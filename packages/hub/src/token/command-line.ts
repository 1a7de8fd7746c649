import { parse, unknown } from "../arguments.ts"
import { UsageError } from "../usage-error.ts"
import type { CheckOptions } from "./check.ts"
import type { CreateOptions } from "./create.ts"

export const TOKEN_USAGE = `onward token create prints a JSON Web Token by an issuer of the configuration, or a new publish key.

  --user <id>       The user that the token is for.
  --publish <topic>, --subscribe <topic>
                    A topic or pattern that the token grants. Several may be given.
  --ttl <time>      How long the token is valid, such as 5m or 12h. [1h]
  --issuer <iss>    The issuer. [the only one in the configuration]
  --key <file>      The private key in PEM format, for an issuer without a secret.
  --kid <id>        The key id, for an issuer with several keys.
  --publish-key     Prints a publish key instead, and what to write into the configuration.
  --name <name>     The name of that key. [backend]

onward token check <token> explains what a token or key may do, or why it is refused. "-" reads it from standard input.

  --publish <topic>, --subscribe <topic>
                    Asks whether the token grants this. Several may be given.
`

export type TokenCommand =
  | ({ readonly name: "token create" } & CreateOptions)
  | ({ readonly name: "token check" } & CheckOptions)

const OPTIONS = {
  config: { type: "string" },
  user: { type: "string" },
  publish: { type: "string", multiple: true },
  subscribe: { type: "string", multiple: true },
  ttl: { type: "string" },
  issuer: { type: "string" },
  key: { type: "string" },
  kid: { type: "string" },
  "publish-key": { type: "boolean" },
  name: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const

const OF_CHECK = new Set(["config", "publish", "subscribe"])

/** Reads what comes after `onward token`. Returns undefined for `--help`. Throws {@link UsageError}. */
export function readToken(args: readonly string[]): TokenCommand | undefined {
  const { values, positionals } = parse(args, OPTIONS)
  if (values.help) return undefined
  const [command, token, extra] = positionals
  const { config, publish = [], subscribe = [] } = values
  if (command === "check") {
    const wrong = Object.keys(values).find((name) => !OF_CHECK.has(name))
    if (wrong !== undefined) throw new UsageError(`onward token check has no option --${wrong}. Leave it out.`)
    if (token === undefined || extra !== undefined) {
      throw new UsageError("onward token check takes one token. Write - to read it from standard input.")
    }
    return { name: "token check", config, token, publish, subscribe }
  }
  if (command !== "create") throw new UsageError(unknown("token command", command ?? "", ["create", "check"]))
  if (token !== undefined) throw new UsageError(`onward token create takes options only, not "${token}". Leave it out.`)
  if (values["publish-key"]) return { name: "token create", config, publishKey: values.name ?? "backend" }
  return {
    name: "token create",
    config,
    user: values.user,
    publish,
    subscribe,
    ttl: secondsOf(values.ttl ?? "1h"),
    issuer: values.issuer,
    keyFile: values.key,
    kid: values.kid,
  }
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

function secondsOf(text: string): number {
  const [, amount, unit = "s"] = /^(\d{1,6})([smhd]?)$/.exec(text) ?? []
  if (amount !== undefined && Number(amount) > 0) return Number(amount) * (UNITS[unit || "s"] ?? 1)
  throw new UsageError(`Invalid value for --ttl: "${text}". Use a time such as 30s, 5m, 12h or 7d.`)
}
