import { trustProxies } from "./forwarded.ts"
import { UsageError } from "./usage-error.ts"

/** How a hub is reached from other machines. */
export interface Exposure {
  /** Addresses and networks of proxies whose `X-Forwarded-For` and `Forwarded` are believed. @default none */
  readonly trustedProxies?: readonly string[]
  /** Origins by which browsers know the hub. @default only the names of this machine */
  readonly publicUrls?: readonly string[]
}

export const EXPOSURE_USAGE = `  --trusted-proxy <address>
                    a proxy before the hub, as an address or a network such as 10.0.0.0/8: the clients that it
                    names in X-Forwarded-For or Forwarded have limits of their own; several may be given
  --public-url <url>
                    a URL by which browsers reach the hub, such as https://events.example.com: pages there
                    may publish; several may be given
`

export const EXPOSURE_FLAGS = {
  "trusted-proxy": { type: "string", multiple: true },
  "public-url": { type: "string", multiple: true },
} as const

type Given = { readonly [Name in keyof typeof EXPOSURE_FLAGS]?: string[] | undefined }

/** Reads this part of a command line. Throws {@link UsageError}. */
export function readExposure(given: Given): Exposure {
  const { "trusted-proxy": trustedProxies, "public-url": urls } = given
  if (trustedProxies) checkProxies(trustedProxies)
  return { ...(trustedProxies && { trustedProxies }), ...(urls && { publicUrls: urls.map(toOrigin) }) }
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
