import { availableParallelism } from "node:os"
import { join } from "node:path"
import type { AuthOptions } from "../auth/index.ts"
import type { MercureSettings } from "../mercure/index.ts"
import { checkOpen } from "../exposure.ts"
import type { TlsFiles } from "../http-server.ts"
import { isLoopback } from "../guard.ts"
import { defaultLog, isShared } from "../log-address.ts"
import { UsageError } from "../usage-error.ts"
import { resolveWebhooks } from "../webhooks/index.ts"
import { completeMercure } from "./complete-mercure.ts"
import type { Settings } from "./schema.ts"
import { readVariable, type Environment } from "./sources.ts"

/** What a hub runs with: every setting, the defaults that depend on others included. */
export interface Config extends Omit<
  Settings,
  "log" | "workers" | "auth" | "tls" | "demo" | "drain" | "logFormat" | "mercure"
> {
  /** Undefined when every request may do everything. */
  readonly auth: AuthOptions | undefined
  /** Undefined without a Mercure endpoint. */
  readonly mercure: MercureSettings | undefined
  readonly log: string
  readonly workers: number
  /** Undefined for plain HTTP. */
  readonly tls: TlsFiles | undefined
  readonly demo: boolean
  readonly drain: { readonly duration: number; readonly delay: number }
  readonly logFormat: "text" | "json"
}

export interface Circumstances {
  readonly env?: Environment
  /** The option, variable or line that gave a setting, by the setting's name. */
  readonly origins?: ReadonlyMap<string, string>
  /** Whether standard output is a terminal. */
  readonly isTerminal?: boolean
}

/** Fills in the defaults that depend on other settings, and checks settings against each other. Throws {@link UsageError}. */
export function completeConfig(
  settings: Settings,
  { env = {}, origins = new Map(), isTerminal = false }: Circumstances = {},
): Config {
  const nameOf = (name: string): string => origins.get(name) ?? name
  const { host, data, demo, drain, gateway, admin } = settings
  const workers = settings.workers === "max" ? availableParallelism() : settings.workers
  const log = settings.log ?? defaultLog(data)
  const mercure = completeMercure(settings, nameOf)
  const auth = toAuth(settings.auth, nameOf) ?? authWith(mercure, settings)
  checkOpen(host, { auth, insecure: settings.insecure })
  checkWorkers(workers, { log, demo }, nameOf)
  if (admin.port !== undefined && admin.port !== 0 && admin.port === settings.port && admin.host === host) {
    throw new UsageError(`${nameOf("admin.port")} is the port of the hub itself, ${admin.port}. Choose another port.`)
  }
  const lonely = [...origins.keys()].find((name) => name.startsWith("gateway.") && !origins.has("gateway.upstreams"))
  if (lonely !== undefined) {
    throw new UsageError(`${nameOf(lonely)} needs an upstream. Set --upstream or gateway.upstreams too.`)
  }
  if (settings.cors.credentials && settings.cors.origins.includes("*")) {
    throw new UsageError(
      `${nameOf("cors.credentials")} lets pages send cookies, which browsers do not allow for *. List the origins.`,
    )
  }
  // throws for what the hub would refuse when it starts
  resolveWebhooks(settings.webhooks)
  const isLocal = isLoopback(host) && settings.publicUrls.length === 0
  const isSystemd = env["LISTEN_FDS"] !== undefined
  const isDemo = demo ?? (workers === 1 && isLoopback(host) && !auth)
  const accessLog = settings.accessLog ?? (isDemo ? join(data, "access.log") : undefined)
  return {
    ...settings,
    log,
    workers,
    auth,
    mercure,
    tls: toTls(settings.tls, nameOf),
    demo: isDemo,
    ...(accessLog !== undefined && { accessLog }),
    drain: {
      duration: drain.duration ?? (isLocal ? 500 : 10_000),
      delay: drain.delay ?? (isLocal || isSystemd ? 0 : 5_000),
    },
    logFormat: settings.logFormat ?? (isTerminal ? "text" : "json"),
    gateway: { ...gateway, upstreams: withKeys(gateway.upstreams, env) },
  }
}

function checkWorkers(
  workers: number,
  { log, demo }: { readonly log: string; readonly demo: boolean | undefined },
  nameOf: (name: string) => string,
): void {
  if (workers === 1) return
  if (!isShared(log)) {
    throw new UsageError(
      `${nameOf("workers")} needs a log that processes share. Use another ${nameOf("log")} than memory:.`,
    )
  }
  if (demo) throw new UsageError(`${nameOf("demo")} shows what one process does. Leave out ${nameOf("workers")}.`)
}

function toTls({ cert, key }: Settings["tls"], nameOf: (name: string) => string): TlsFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key }
  if (cert === undefined && key === undefined) return undefined
  const [given, missing] = cert === undefined ? ["tls.key", "tls.cert"] : ["tls.cert", "tls.key"]
  throw new UsageError(`${nameOf(given)} needs ${missing} too. Set both, or none for plain HTTP.`)
}

/** Authentication is on as soon as one of its settings is set. */
function toAuth(settings: Settings["auth"], nameOf: (name: string) => string): AuthOptions | undefined {
  const { forward, tickets, anonymous, cookie, ...rest } = settings
  const isSet = (group: object): boolean => Object.keys(group).length > 0
  if (isSet(forward) && forward.url === undefined) {
    throw new UsageError(
      `${nameOf("auth.forward.url")} is missing. Set it, or remove the other settings of auth.forward.`,
    )
  }
  if (isSet(tickets) && tickets.secret === undefined) {
    throw new UsageError(
      `${nameOf("auth.tickets.secret")} is missing. Set it, or remove the other settings of auth.tickets.`,
    )
  }
  const auth = {
    ...rest,
    ...(isSet(anonymous) && { anonymous }),
    ...(isSet(cookie) && { cookie }),
    ...(forward.url !== undefined && { forward: { ...forward, url: forward.url } }),
    ...(tickets.secret !== undefined && { tickets: { ...tickets, secret: tickets.secret } }),
  }
  return isSet(auth) ? auth : undefined
}

/** With keys for Mercure and no other authentication, Onward's own API is closed, unless the operator wants it open. */
function authWith(mercure: MercureSettings | undefined, { insecure }: Settings): AuthOptions | undefined {
  const hasKeys = mercure && (mercure.publisher ?? mercure.subscriber ?? mercure.issuers[0]) !== undefined
  if (!hasKeys) return undefined
  return insecure ? { anonymous: { publish: ["*"], subscribe: ["*"] } } : {}
}

/** Keys come from the environment where the configuration has none. */
const withKeys = (upstreams: Settings["gateway"]["upstreams"], env: Environment): Settings["gateway"]["upstreams"] =>
  upstreams.map((upstream, at) => {
    const key = readVariable(env, `ONWARD_UPSTREAM_KEY${at === 0 ? "" : `_${at + 1}`}`)?.value
    return upstream.key === undefined && key !== undefined ? { ...upstream, key } : upstream
  })
