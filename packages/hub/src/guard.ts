import type { IncomingMessage } from "node:http"
import { isIP } from "node:net"
import { HttpError } from "./http-error.ts"
import { READ } from "./route.ts"

/** Where the server listens. */
export interface Address {
  readonly host: string
  readonly port: number
}

/** True for addresses only this machine can reach. */
export const isLoopback = (host: string): boolean =>
  /^(?:localhost|127(?:\.\d+){3}|::1|::ffff:127(?:\.\d+){3})$/i.test(host)

/** What a guard is told of one request. */
export interface Guarded {
  /** The host that is asked for. */
  readonly host: string
  /** Whether pages of this other origin may send requests to this path. @default none may */
  readonly isListed?: (origin: string) => boolean
  /** Whether any name may be asked for: health checks come by addresses and by names of pods. */
  readonly isByAnyName?: boolean
}

/** Lets a request in. Throws `HttpError` 403. */
export type Guard = (req: IncomingMessage, guarded: Guarded) => void

/**
 * Keeps other websites out, which the visitor's own browser would let in:
 *
 * - DNS rebinding: a site whose name resolves to 127.0.0.1 is same-origin to itself, but still says its name in `Host`;
 * - forged requests: other origins can make a browser send forms here, and say so in `Origin` and `Sec-Fetch-Site`.
 *
 * @param publicUrls origins by which browsers know the hub, whatever `Host` the proxy before it sends on
 */
export function createGuard(address: () => Address, publicUrls: readonly string[] = []): Guard {
  const publicOrigins = new Set(publicUrls)
  // without ports: a name is what rebinding cannot have, and some proxies leave the port out
  const publicNames = new Set(publicUrls.map((url) => new URL(url).hostname))

  function isKnown(host: string): boolean {
    const [, name = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host.toLowerCase()) ?? []
    const { host: bound, port: own } = address()
    if (publicNames.has(name)) return true
    const isLocal = ["localhost", "127.0.0.1", "[::1]", bound, `[${bound}]`].includes(name)
    if (isLoopback(bound)) return isLocal && (port === undefined || Number(port) === own)
    // no site can have an address as its name
    return publicNames.size === 0 || isLocal || isIP(name.replace(/^\[(.*)\]$/, "$1")) !== 0
  }

  return ({ method = "", headers }, { host, isListed, isByAnyName = false }) => {
    const { origin } = headers
    if (!isByAnyName && !isKnown(host)) {
      throw new HttpError(403, "host_not_allowed", "The hub does not answer to this host name. Ask for its own name.")
    }
    if (origin !== undefined && isListed?.(origin)) return
    const isSafe = READ.includes(method)
    const site = headers["sec-fetch-site"]
    const isVisit = isSafe && headers["sec-fetch-mode"] === "navigate"
    const isForeign = origin !== undefined && !publicOrigins.has(origin) && hostOf(origin) !== host.toLowerCase()
    // browsers that send no Sec-Fetch-Site name the origin of a page that reads from elsewhere
    if (isForeign && !(isSafe && (isVisit || site === "same-origin"))) throw foreign()
    if (!isVisit && (site === "cross-site" || (site === "same-site" && !isSafe))) throw foreign()
  }
}

const hostOf = (origin: string): string | undefined => /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase()

const foreign = (): HttpError =>
  new HttpError(403, "origin_not_allowed", "Other sites may not send requests here. Send it from a page of the hub.")
