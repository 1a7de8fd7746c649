import type { Config } from "./config/index.ts"
import { isOpen } from "./exposure.ts"
import type { Logger } from "./logger.ts"
import type { HubServer } from "./server.ts"

/** What the hub prints when it listens. */
export type Ready = Pick<HubServer, "address" | "admin" | "place">

/** What the hub needs to know about itself to greet its operator. */
type Greeted = Pick<Config, "auth" | "demo" | "gateway" | "logFormat" | "tls" | "workers">

/** Tells the operator where the hub listens, how it is used, and warns if other machines can use it without authentication. */
export function greet(ready: Ready, config: Greeted, logger: Logger): void {
  const { address, admin, place } = ready
  const fields = {
    url: urls(address, schemeOf(config)).url,
    log: place,
    workers: config.workers,
    ...(admin && { admin: urls(admin).url }),
  }
  if (config.logFormat === "json") logger.log("info", listening(ready, config), fields)
  else logger.log("info", greeting(ready, config))
  if (isOpen(address.host) && !config.auth)
    logger.log("warn", config.logFormat === "text" ? `warning: ${WARNING}` : WARNING)
}

const WARNING =
  "Every machine that reaches this hub can read and publish everything, because it has no authentication (--insecure). Let a firewall or a proxy admit only clients that you trust."

const schemeOf = ({ tls }: Greeted): string => (tls ? "https" : "http")

function urls({ host, port }: Ready["address"], scheme = "http"): { readonly url: string; readonly listens: string } {
  const isOnAll = host === "0.0.0.0" || host === "::"
  const at = (name: string): string => `${scheme}://${name.includes(":") ? `[${name}]` : name}:${port}`
  // a client on this machine uses the loopback address of a server that listens on all addresses
  const url = at(isOnAll ? "127.0.0.1" : host)
  return { url, listens: isOnAll ? `${at(host)} (all addresses of this machine)` : url }
}

function listening({ address, place }: Ready, config: Greeted): string {
  const together = config.workers > 1 ? ` with ${config.workers} workers` : ""
  return `Onward listens on ${urls(address, schemeOf(config)).listens}${together}, its log is ${place}`
}

function greeting(ready: Ready, config: Greeted): string {
  const { url } = urls(ready.address, schemeOf(config))
  return `
  ${listening(ready, config)}
${ready.admin ? `  Admin:    ${urls(ready.admin).url}/admin/ui/\n` : ""}
  Listen:   curl -N "${url}/events?topic=hello"
  Publish:  curl -d topic=hello -d data=world ${url}/publish
${asking(url, config.gateway)}${config.demo ? `\n  Or see it work: ${url}/\n` : ""}`
}

/** The base URLs that replace those of providers. */
const asking = (url: string, { upstreams }: Config["gateway"]): string =>
  upstreams
    .map(({ url: of, prefix, models }) => {
      const base = `${url}${prefix === undefined ? "" : `/${prefix}`}/v1`
      return `  Ask:      ${base} in place of ${of}${models === undefined ? "" : ` for ${models}`}\n`
    })
    .join("")

/** What the hub tells when it begins to close. */
export function closing({ drain, logFormat }: Pick<Config, "drain" | "logFormat">): string {
  const wait = drain.delay > 0 ? ` in ${drain.delay / 1_000} s, /readyz answers 503 until then` : ""
  return `Closing${wait}${logFormat === "text" ? "; once more to stop at once." : "."}`
}
