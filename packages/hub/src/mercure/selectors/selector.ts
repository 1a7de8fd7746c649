import type { TopicMatcher } from "onward"
import { compileTemplate } from "./uri-template.ts"
import { compileUrlPattern } from "./url-pattern.ts"

/** How the text of a selector is read: `topic` is that of Mercure 0.x, `exact` and `urlpattern` are those of 1.0. */
export type MatchType = "topic" | "exact" | "urlpattern"

/** What a subscriber asks for, or a token grants. */
export interface Selector {
  readonly type: MatchType
  readonly value: string
  /** The selector for the library. */
  readonly matcher: TopicMatcher
  matches(topic: string): boolean
}

/** Matches every topic. */
const EVERYTHING: TopicMatcher = { key: "*", matches: () => true, prefix: "" }

/**
 * Compiles a selector: `*` for every topic, in each type; else an exact topic, a URI template or a URL pattern.
 * @param base the URL of the hub, against which relative URL patterns and their topics are resolved
 * @throws RangeError for a URL pattern that is invalid
 */
export function compileSelector(type: MatchType, value: string, base: string): Selector {
  const matcher = matcherOf(type, value, base)
  const matches = "topic" in matcher ? (topic: string) => topic === value : (topic: string) => matcher.matches(topic)
  return { type, value, matcher, matches }
}

function matcherOf(type: MatchType, value: string, base: string): TopicMatcher {
  if (value === "*") return EVERYTHING
  if (type === "urlpattern") return { key: `url:${base} ${value}`, ...compileUrlPattern(value, base) }
  const matches = type === "topic" ? compileTemplate(value) : undefined
  if (!matches) return { topic: value }
  return { key: `template:${value}`, matches, prefix: value.slice(0, value.indexOf("{")) }
}
