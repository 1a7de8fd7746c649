/** Topics as URLs, parsed once for all patterns of a hub. */
export interface Urls {
  /** The components of a topic; undefined if it is not a URL. */
  parse(topic: string): Components | undefined
  /** The scheme, host and path of a topic, by which patterns are indexed; undefined if it is not a URL. */
  readonly normalize: (topic: string) => string | undefined
}

/** The components of a URL without their separators. */
export type Components = Readonly<
  Record<"protocol" | "username" | "password" | "hostname" | "port" | "pathname" | "search" | "hash", string>
>

/** Most topics whose components are kept for one hub URL. The oldest is removed first. */
const MAX_TOPICS = 1_000
/** Most hub URLs. A hub that is reached by several names has one for each. */
const MAX_BASES = 10

const byBase = new Map<string, Urls>()

/** Returns the parser for topics that are relative to this URL. It is the same one for the same URL. */
export function urlsBelow(base: string): Urls {
  const known = byBase.get(base)
  if (known) return known
  const urls = createUrls(base)
  if (byBase.size >= MAX_BASES) byBase.delete(byBase.keys().next().value as string)
  byBase.set(base, urls)
  return urls
}

function createUrls(base: string): Urls {
  const parsed = new Map<string, Components | undefined>()

  function parse(topic: string): Components | undefined {
    if (parsed.has(topic)) return parsed.get(topic)
    const url = URL.parse(topic, base)
    const components = url ? componentsOf(url) : undefined
    if (parsed.size >= MAX_TOPICS) parsed.delete(parsed.keys().next().value as string)
    parsed.set(topic, components)
    return components
  }

  return {
    parse,
    normalize(topic) {
      const url = parse(topic)
      if (!url) return undefined
      const { protocol, hostname, port, pathname } = url
      // of an opaque path only the scheme is indexed
      return pathname.startsWith("/") || hostname !== ""
        ? `${protocol}://${hostname}${port === "" ? "" : `:${port}`}${pathname}`
        : `${protocol}:${pathname}`
    },
  }
}

const componentsOf = (url: URL): Components => ({
  protocol: url.protocol.slice(0, -1),
  username: url.username,
  password: url.password,
  hostname: url.hostname,
  port: url.port,
  pathname: url.pathname,
  search: url.search.slice(1),
  hash: url.hash.slice(1),
})
