import { availableParallelism } from "node:os"
import { filled, parse, toNumber, unknown } from "./arguments.ts"
import type { AuthOptions } from "./auth/index.ts"
import { readDoctor, type DoctorOptions } from "./doctor/index.ts"
import { checkOpen, EXPOSURE_FLAGS, EXPOSURE_USAGE, readExposure, type Exposure } from "./exposure.ts"
import { GATEWAY_FLAGS, GATEWAY_USAGE, readGateway, type GatewaySettings } from "./gateway/index.ts"
import { isLoopback } from "./guard.ts"
import { LIMITS_FLAGS, LIMITS_USAGE, readLimits, type HubLimits } from "./limits.ts"
import { checkLog, defaultLog, isShared } from "./log-address.ts"
import { UsageError } from "./usage-error.ts"

export const USAGE: string = `Usage: onward serve [options]
       onward doctor <url> [options]

onward serve starts a hub: POST /publish, GET /events?topic=…, GET /healthz.

  --port <number>   where to listen; 0 takes any free port   [$PORT, or 4000]
  --host <address>  on which address                         [127.0.0.1]
  --data <folder>   where files are kept; created if need be [./data]
  --log <address>   where the log is kept: sqlite:<path>, memory:, redis://…, postgres://…, nats://…
                                                             [$ONWARD_LOG, or sqlite:<data>/events.db]
  --workers <n>     how many processes listen together, or max: one for each core   [1]
  --drain <ms>      over how long streams are closed when it ends                   [500]
  --demo, --no-demo the page at /, with live examples        [only on this machine's own addresses, with one worker]
  --presence <pattern>
                    who is on the topics of this pattern is counted, and told at GET /presence?topic=…;
                    '*' is all of them, and several patterns may be given
  --publish-rate <n>
                    how many requests each client address may publish a second; 0 for no limit     [4000]
${LIMITS_USAGE}  --refuse <how>    what a client that reads by EventSource gets beyond a limit: soft for an empty stream
                    after which it asks again, status for 429 or 503, after which it gives up      [soft]
${EXPOSURE_USAGE}${GATEWAY_USAGE}
onward doctor asks for a stream, and says what is in its way: what holds it, changes it or cuts it.

  --header <h>      a request header, such as 'authorization: Bearer …'; several may be given
  --listen <ms>     how long to listen                       [until a heartbeat is due]

  --help, --version
`

/** What `onward serve` is told. */
export interface ServeOptions extends Exposure {
  readonly port: number
  readonly host: string
  readonly data: string
  /** Where the log is, see `openStore`. */
  readonly log: string
  readonly workers: number
  /** Over how long streams are closed at the end, in ms. */
  readonly drain: number
  readonly demo: boolean
  /** Topics whose listeners are counted, as patterns. @default none are */
  readonly presence?: readonly string[]
  /** Requests that each caller may publish a second, see docs/hub.md; 0 for no limit. @default 4_000 */
  readonly publishRate?: number
  /** What is allowed beside that. @default `defaultLimits` */
  readonly limits?: Partial<HubLimits>
  /** Whether an `EventSource` that is refused a stream for now gets an empty one, or a status. @default "soft" */
  readonly refuse?: Refuse
  /** Authentication and authorization. @default every request may do everything */
  readonly auth?: AuthOptions
  /** The providers that `/v1` stands for. @default none */
  readonly gateway?: GatewaySettings
}

/** An `EventSource` asks again after an empty stream, and gives up after a status. */
export type Refuse = (typeof REFUSE)[number]

const REFUSE = ["soft", "status"] as const

export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | ({ readonly name: "serve" } & ServeOptions)
  | ({ readonly name: "doctor" } & DoctorOptions)

const COMMANDS = ["serve", "doctor"]
const OPTIONS = {
  port: { type: "string" },
  host: { type: "string" },
  data: { type: "string" },
  log: { type: "string" },
  workers: { type: "string" },
  drain: { type: "string" },
  demo: { type: "boolean" },
  presence: { type: "string", multiple: true },
  "publish-rate": { type: "string" },
  ...LIMITS_FLAGS,
  refuse: { type: "string" },
  ...EXPOSURE_FLAGS,
  ...GATEWAY_FLAGS,
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const

/** Reads a command line (without `node` and the script). Throws {@link UsageError}. */
export function readCommandLine(args: readonly string[], env: Readonly<Record<string, string | undefined>>): Command {
  if (args[0] === "doctor") return readDoctor(args.slice(1))
  const { values, positionals } = parse(args, OPTIONS)
  if (values.help) return { name: "help" }
  if (values.version) return { name: "version" }
  const [command, extra] = positionals
  if (command === undefined) throw new UsageError("say what to do: onward serve (onward --help lists the options)")
  if (!COMMANDS.includes(command)) throw new UsageError(unknown("command", command, COMMANDS))
  if (extra !== undefined) throw new UsageError(`"${extra}" is one word too many: onward serve takes options only`)
  const host = filled("--host", values.host) ?? "127.0.0.1"
  const data = filled("--data", values.data) ?? "./data"
  const log = filled("--log", values.log) ?? (env["ONWARD_LOG"] || defaultLog(data))
  checkLog(log, values.log === undefined ? "ONWARD_LOG" : "--log")
  const workers =
    values.workers === "max" ? availableParallelism() : toNumber("--workers", values.workers ?? "1", 1, 256)
  if (workers > 1) checkWorkers(log, values.demo)
  const gateway = readGateway(values, env)
  const exposure = readExposure(values)
  checkOpen(host, exposure)
  const limits = readLimits(values)
  const refuse = REFUSE.find((how) => how === values.refuse)
  if (refuse !== values.refuse) throw new UsageError(`--refuse must be soft or status, not "${values.refuse}"`)
  return {
    name: "serve",
    port: toNumber(values.port === undefined ? "PORT" : "--port", values.port ?? (env["PORT"] || "4000"), 0, 65_535),
    host,
    data,
    log,
    workers,
    drain: toNumber("--drain", values.drain ?? "500", 0, 3_600_000),
    demo: values.demo ?? (workers === 1 && isLoopback(host)),
    ...(values.presence && { presence: values.presence.map((pattern) => filled("--presence", pattern) ?? pattern) }),
    ...(values["publish-rate"] !== undefined && {
      publishRate: toNumber("--publish-rate", values["publish-rate"], 0, 999_999_999),
    }),
    ...(limits && { limits }),
    ...(refuse && { refuse }),
    ...exposure,
    ...(gateway && { gateway }),
  }
}

function checkWorkers(log: string, demo: boolean | undefined): void {
  if (!isShared(log)) throw new UsageError("--workers needs a log they can share: choose another --log than memory:")
  if (demo) throw new UsageError("--demo shows what one process does: leave out --workers")
}
