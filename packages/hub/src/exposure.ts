import type { AuthOptions } from "./auth/index.ts"
import { trustProxies } from "./forwarded.ts"
import { isLoopback } from "./guard.ts"
import { UsageError } from "./usage-error.ts"

/** How a hub is reached from other machines. */
export interface Exposure {
  /** Addresses and networks of proxies whose `X-Forwarded-For` and `Forwarded` are believed. @default none */
  readonly trustedProxies?: readonly string[]
  /** Origins by which browsers know the hub. @default only the names of this machine */
  readonly publicUrls?: readonly string[]
  /** Whether the hub may listen without authentication on an address that other machines reach. @default false */
  readonly insecure?: boolean
}

export const EXPOSURE_USAGE = `  --trusted-proxy <address>
                    a proxy before the hub, as an address or a network such as 10.0.0.0/8: the clients that it
                    names in X-Forwarded-For or Forwarded have limits of their own; several may be given
  --public-url <url>
                    a URL by which browsers reach the hub, such as https://events.example.com: pages there
                    may publish; several may be given
  --insecure        listen on another --host than this machine's own addresses, without authentication: every
                    machine that reaches it can read and publish everything
`

export const EXPOSURE_FLAGS = {
  "trusted-proxy": { type: "string", multiple: true },
  "public-url": { type: "string", multiple: true },
  insecure: { type: "boolean" },
} as const

interface Given {
  readonly "trusted-proxy"?: string[] | undefined
  readonly "public-url"?: string[] | undefined
  readonly insecure?: boolean | undefined
}

/** Reads this part of a command line. Throws {@link UsageError}. */
export function readExposure(given: Given): Exposure {
  const { "trusted-proxy": trustedProxies, "public-url": urls, insecure } = given
  if (trustedProxies) checkProxies(trustedProxies)
  return {
    ...(trustedProxies && { trustedProxies }),
    ...(urls && { publicUrls: urls.map(toOrigin) }),
    ...(insecure && { insecure }),
  }
}

/** Whether other machines reach the hub: without authentication each of them can read and publish everything. */
export const isOpen = (host: string): boolean => !isLoopback(host)

/** Refuses to open a hub without authentication to other machines unless that is wanted. Throws {@link UsageError}. */
export function checkOpen(host: string, { insecure = false, auth }: Exposure & { readonly auth?: AuthOptions }): void {
  if (insecure || auth || !isOpen(host)) return
  throw new UsageError(
    `--host ${host} opens the hub to other machines, and without authentication each of them can read and publish everything: configure auth (docs/hub-auth.md), keep 127.0.0.1 behind a proxy that authenticates clients, or add --insecure`,
  )
}

function checkProxies(entries: readonly string[]): void {
  try {
    trustProxies(entries)
  } catch (error) {
    throw new UsageError(`--trusted-proxy ${(error as Error).message}`)
  }
}

function toOrigin(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin
  throw new UsageError(`--public-url must be a URL without a path, such as https://events.example.com, not "${text}"`)
}
