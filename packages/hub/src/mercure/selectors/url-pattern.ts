import { parseComponent, type ComponentOptions, type Part } from "./component.ts"
import { matchComponent } from "./component-matcher.ts"
import { urlsBelow } from "./urls.ts"

/**
 * URL patterns as matchers. The platform's `URLPattern` reads a pattern, because it knows the syntax; this module matches, because `test` of
 * the platform takes seconds for hostile patterns: its regular expressions go back.
 */

const Native = globalThis.URLPattern ?? (await import("urlpattern-polyfill")).URLPattern

/** The components of a URL, and the member of `URL` that holds each. */
const COMPONENTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"] as const
type Component = (typeof COMPONENTS)[number]

/** Most parts of a pattern that are not literal, so that a match takes a bounded number of passes over the topic. */
const MAX_VARIABLE = 20

/** Most literals by which a pattern is indexed. */
const MAX_LITERALS = 8

const SPECIAL = ["http", "https", "ws", "wss", "ftp", "file"]
const PLAIN: ComponentOptions = { delimiter: "", prefix: "" }

/** A compiled URL pattern. */
export interface UrlMatcher {
  matches(topic: string): boolean
  /** What the result of `normalize` begins with: a literal, or literals with one path segment between two. */
  readonly prefix: readonly string[]
  readonly normalize: (topic: string) => string | undefined
}

/**
 * Compiles a URL pattern.
 * @param base the URL of the hub, against which relative patterns and topics are resolved
 * @throws RangeError that says what is wrong with the pattern
 */
export function compileUrlPattern(pattern: string, base: string): UrlMatcher {
  const parsed = parse(pattern, base)
  const partsOf = (component: Component, options: ComponentOptions): Part[] =>
    parseComponent(parsed[component], options)
  const protocol = partsOf("protocol", PLAIN)
  const isProtocol = matchComponent(protocol, PLAIN)
  const isSpecial = SPECIAL.some(isProtocol)
  const all = COMPONENTS.map((component) => {
    const options = optionsOf(component, isSpecial)
    return { component, options, parts: partsOf(component, options) }
  })
  const variable = all.flatMap(({ parts }) => (isAnything(parts) ? [] : parts.filter((part) => !isLiteral(part))))
  if (variable.length > MAX_VARIABLE) {
    throw new RangeError(`it has ${variable.length} wildcards and groups, and may have ${MAX_VARIABLE}`)
  }
  const matchers = all
    .filter(({ parts }) => !isAnything(parts))
    .map(({ component, options, parts }) => ({ component, matches: matchComponent(parts, options) }))
    // the cheapest test that fails often is first
    .toSorted(({ component: a }, { component: b }) => ORDER.indexOf(a) - ORDER.indexOf(b))
  const urls = urlsBelow(base)
  return {
    matches(topic) {
      const url = urls.parse(topic)
      return url !== undefined && matchers.every(({ component, matches }) => matches(url[component]))
    },
    prefix: prefixOf(new Map(all.map(({ component, parts }) => [component, parts]))),
    normalize: urls.normalize,
  }
}

const ORDER: readonly Component[] = [
  "hostname",
  "pathname",
  "protocol",
  "port",
  "search",
  "hash",
  "username",
  "password",
]

function parse(pattern: string, base: string): URLPattern {
  try {
    return new Native(pattern, base)
  } catch {
    throw new RangeError("it is not a URL pattern")
  }
}

function optionsOf(component: Component, isSpecial: boolean): ComponentOptions {
  if (component === "hostname") return { delimiter: ".", prefix: "" }
  return component === "pathname" && isSpecial ? { delimiter: "/", prefix: "/" } : PLAIN
}

const isLiteral = ({ takes, modifier }: Part): boolean => takes === "text" && modifier === ""

const isAnything = ([first, ...rest]: readonly Part[]): boolean =>
  first?.takes === "any" && first.prefix + first.suffix + first.modifier === "" && rest.length === 0

/** The literal beginning of a URL that matches, in the form of `normalize`. */
function prefixOf(parts: ReadonlyMap<Component, readonly Part[]>): string[] {
  const wholeOf = (component: Component): string | undefined => {
    const [first, ...rest] = parts.get(component) ?? []
    if (!first) return ""
    return isLiteral(first) && rest.length === 0 ? first.value : undefined
  }
  const protocol = wholeOf("protocol")
  const hostname = wholeOf("hostname")
  const port = wholeOf("port")
  if (protocol === undefined) return [""]
  if (hostname === undefined || !SPECIAL.includes(protocol)) return [`${protocol}:`]
  if (port === undefined) return [`${protocol}://${hostname}`]
  const runs = [`${protocol}://${hostname}${port === "" ? "" : `:${port}`}`]
  for (const part of parts.get("pathname") ?? []) {
    const last = runs.length - 1
    if (isLiteral(part)) {
      // a segment ends at a slash, and what follows it does not have to
      if (runs[last] === "" && !part.value.startsWith("/")) break
      runs[last] += part.value
    } else if (part.takes === "segment" && part.modifier === "" && part.suffix === "") {
      if (part.prefix !== "") runs[last] += part.prefix
      if (!(runs[last] as string).endsWith("/")) break
      runs.push("")
    } else break
  }
  if (runs.at(-1) === "") runs.pop()
  return runs.slice(0, MAX_LITERALS)
}
