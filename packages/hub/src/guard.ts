import type { IncomingMessage } from "node:http"
import { isIP } from "node:net"
import { HttpError } from "./http-error.ts"
import { READ } from "./route.ts"

/** Where the server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** Whether only this machine can reach the address. */
export const isLoopback = (host: string): boolean =>
  /^(?:localhost|127(?:\.\d+){3}|::1|::ffff:127(?:\.\d+){3})$/i.test(host)

/** What a guard needs to know about a request. */
export interface Guarded {
  /** The host of the request. */
  readonly host: string
  /** Whether pages of this other origin can send requests to this path. @default no origin can */
  readonly isListed?: (origin: string) => boolean
  /** Whether every host name is allowed: health checks use addresses and names of pods. */
  readonly isByAnyName?: boolean
}

/** Checks a request. Throws `HttpError` 403. */
export type Guard = (req: IncomingMessage, guarded: Guarded) => void

/**
 * Creates a guard against requests that other websites make with a visitor's browser:
 *
 * - DNS rebinding: a site whose name resolves to 127.0.0.1 has the same origin as the hub for a browser, but sends its name in `Host`;
 * - forged requests: other origins can make a browser send forms to the hub, which `Origin` and `Sec-Fetch-Site` show.
 *
 * @param publicUrls the hub's origins for browsers, for any `Host` that the proxy before it sends
 */
export function createGuard(address: () => Address, publicUrls: readonly string[] = []): Guard {
  const publicOrigins = new Set(publicUrls)
  // without ports, because rebinding cannot use these names, and some proxies omit the port
  const publicNames = new Set(publicUrls.map((url) => new URL(url).hostname))

  /** The host that was accepted last: most requests have the same one. */
  let accepted: string | undefined

  function accepts(host: string): boolean {
    if (host === accepted) return true
    if (!isKnown(host)) return false
    accepted = host
    return true
  }

  function isKnown(host: string): boolean {
    const [, name = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host.toLowerCase()) ?? []
    const { host: bound, port: own } = address()
    if (publicNames.has(name)) return true
    const isLocal = ["localhost", "127.0.0.1", "[::1]", bound, `[${bound}]`].includes(name)
    if (isLoopback(bound)) return isLocal && (port === undefined || Number(port) === own)
    // an address cannot be the name of a rebinding site
    return publicNames.size === 0 || isLocal || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0
  }

  return ({ method = "", headers }, { host, isListed, isByAnyName = false }) => {
    const { origin } = headers
    if (!isByAnyName && !accepts(host)) {
      throw new HttpError(403, "host_not_allowed", "The hub does not serve this host name. Use the hub's own name.")
    }
    if (origin !== undefined && isListed?.(origin)) return
    const isSafe = READ.includes(method)
    const site = headers["sec-fetch-site"]
    const isVisit = isSafe && headers["sec-fetch-mode"] === "navigate"
    const isForeign = origin !== undefined && !publicOrigins.has(origin) && hostOf(origin) !== host.toLowerCase()
    // browsers without Sec-Fetch-Site send `Origin` for reads from another origin
    if (isForeign && !(isSafe && (isVisit || site === "same-origin"))) throw foreign()
    if (!isVisit && (site === "cross-site" || (site === "same-site" && !isSafe))) throw foreign()
  }
}

const hostOf = (origin: string): string | undefined => /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase()

const foreign = (): HttpError =>
  new HttpError(
    403,
    "origin_not_allowed",
    "The hub refuses requests from pages of other origins. Send it from a page of the hub.",
  )
