import type { IncomingMessage } from "node:http"
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

export interface GuardOptions {
  /** The host that is asked for. @default that of `Host` */
  readonly host?: string
  /** Other origins that may send requests to this path. @default none */
  readonly origins?: readonly string[]
}

/**
 * Keeps other websites out, which the visitor's own browser would let in:
 *
 * - DNS rebinding: a site whose name resolves to 127.0.0.1 is same-origin to itself, but still says its name in `Host`;
 * - forged requests: other origins can make a browser send forms here, and say so in `Origin` and `Sec-Fetch-Site`.
 *
 * Throws `HttpError` 403.
 */
export function guard(
  { method, headers }: IncomingMessage,
  address: Address,
  { host = headers.host ?? "", origins = [] }: GuardOptions = {},
): void {
  const { origin } = headers
  if (isLoopback(address.host) && !isLocalName(host, address)) {
    throw forbidden("host_not_allowed", "This hub listens to its own machine only: use http://localhost or 127.0.0.1.")
  }
  if (origin !== undefined && origins.includes(origin)) return
  const isSafe = READ.includes(method ?? "")
  if (!isSafe && origin !== undefined && hostOf(origin) !== host.toLowerCase()) {
    throw forbidden("origin_not_allowed", "Other sites may not send requests here.")
  }
  const site = headers["sec-fetch-site"]
  const isVisit = isSafe && headers["sec-fetch-mode"] === "navigate"
  if (!isVisit && (site === "cross-site" || (site === "same-site" && !isSafe))) {
    throw forbidden("origin_not_allowed", "Other sites may not send requests here.")
  }
}

function isLocalName(host: string, address: Address): boolean {
  const [, name = "", port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(host.toLowerCase()) ?? []
  const names = ["localhost", "127.0.0.1", "[::1]", address.host, `[${address.host}]`]
  return names.includes(name) && (port === undefined || Number(port) === address.port)
}

const hostOf = (origin: string): string | undefined => /^https?:\/\/([^/]+)$/i.exec(origin)?.[1]?.toLowerCase()

const forbidden = (code: string, message: string): HttpError => new HttpError(403, code, message)
