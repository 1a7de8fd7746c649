import type { Dialect } from "./dialect.ts"

/** The hub, and the path of its endpoint. */
interface Reserving {
  /** The URL of the hub. */
  readonly base: string
  readonly path: string
}

/**
 * Whether a topic is in the hub's own namespace, in which only the hub publishes: with any host and scheme, and however it is written. Mercure
 * 0.x reserves each topic that holds the hub's path.
 */
export function isReservedTopic(topic: string, dialect: Dialect, { base, path }: Reserving): boolean {
  if (dialect === 0 && topic.includes(path)) return true
  const url = URL.parse(topic, base)
  if (!url) return false
  const plain = decodeUnreserved(url.pathname)
  return plain === path || plain.startsWith(`${path}/`)
}

/** Replaces escapes of characters that need none (RFC 3986 section 6.2.2.2). */
const decodeUnreserved = (text: string): string =>
  text.replaceAll(/%[\dA-Fa-f]{2}/g, (escape) => {
    const char = String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    return /[A-Za-z0-9\-._~]/.test(char) ? char : escape
  })
