import { OnwardError } from "../errors.ts"
import { kindOf } from "../kind.ts"
import { checkNames } from "../options.ts"
import { checkAnyTopic, compilePattern, patternPrefix } from "../topic.ts"
import { outerName } from "./filing.ts"
import type { Prefix } from "./prefix-tree.ts"

/** Selects topics by a rule of the program, for subscriptions in another syntax than Onward's patterns. */
export type TopicMatcher =
  | {
      /** Matches exactly this topic, which can have any name. As cheap as an entry of `topics`. */
      readonly topic: string
    }
  | {
      /** Two matchers with the same key are the same: they must match the same topics, in all subscriptions of the process. At most 8,192 characters. */
      readonly key: string
      /** Whether it matches a topic. Its result depends on the topic only. It must not throw, and takes at most about a millisecond. */
      readonly matches: (topic: string) => boolean
      /**
       * How each topic that it matches begins, so that it is not tried with others: a literal, or literals with one whole path segment
       * between each two. @default "", any topic
       */
      readonly prefix?: string | readonly string[]
      /**
       * The form of a topic that `prefix` is the beginning of; undefined for a topic that it cannot match. Called once for each new topic
       * and each different function, so use the same function for all matchers. @default the topic itself
       */
      readonly normalize?: (topic: string) => string | undefined
    }

export type Normalize = (topic: string) => string | undefined

/** A pattern or a matcher, checked. */
export interface Selector {
  readonly key: string
  /** The text of a pattern, the key of a matcher. */
  readonly name: string
  /** Whether it matches a topic, named as users name it. */
  readonly matches: (topic: string) => boolean
  readonly prefix: Prefix
  readonly normalize: Normalize
}

/** Most `matchers` and most `may` of a subscription. */
const MAX_MATCHERS = 1_000
const MAX_KEY = 8_192
const MAX_PREFIX_PARTS = 16

const asItIs: Normalize = (topic) => topic

export const selectorOfPattern = (pattern: string): Selector => ({
  key: `pattern ${pattern}`,
  name: pattern,
  matches: compilePattern(pattern),
  prefix: patternPrefix(pattern),
  normalize: asItIs,
})

/** Throws `TypeError` for a value that is not a list of matchers. Only code can cause this, not a client. */
export function checkMatcherKinds(option: "matchers" | "may", given: unknown): void {
  if (given === undefined) return
  if (!Array.isArray(given)) {
    throw new TypeError(`subscribe: \`${option}\` must be an array of matchers, not ${kindOf(given)}.`)
  }
  for (const matcher of given as readonly unknown[]) {
    const isTopic = typeof matcher === "object" && matcher !== null && "topic" in matcher
    checkNames(`A matcher in \`${option}\``, matcher, isTopic ? ["topic"] : ["key", "matches", "prefix", "normalize"])
    if (isTopic) continue
    const { key, matches, prefix = "", normalize = asItIs } = matcher as Record<string, unknown>
    const parts = typeof prefix === "string" ? [prefix] : prefix
    const arePrefixes =
      Array.isArray(parts) && parts.length <= MAX_PREFIX_PARTS && parts.every((part) => typeof part === "string")
    if (typeof key === "string" && typeof matches === "function" && arePrefixes && typeof normalize === "function")
      continue
    throw new TypeError(
      `subscribe: a matcher in \`${option}\` must be { topic }, or { key, matches } with a string and a function.`,
    )
  }
}

/** Topics and matchers apart. Deduplicated and sorted, so that equal lists have equal keys. Throws `OnwardError` for values that a client can cause. */
export function splitMatchers(
  option: string,
  given: readonly TopicMatcher[],
): { topics: string[]; selectors: Selector[] } {
  const topics = new Set<string>()
  const selectors = new Map<string, Selector>()
  for (const matcher of given) {
    if ("topic" in matcher) {
      checkAnyTopic(matcher.topic)
      topics.add(matcher.topic)
      continue
    }
    const { key, matches, prefix = "", normalize = asItIs } = matcher
    if (key.length > MAX_KEY) {
      throw new OnwardError("invalid_selector", `A key in \`${option}\` has more than ${MAX_KEY} characters.`)
    }
    selectors.set(key, {
      key: `matcher ${key}`,
      name: key,
      matches,
      prefix: typeof prefix === "string" ? [prefix] : prefix,
      normalize,
    })
  }
  if (topics.size + selectors.size > MAX_MATCHERS) {
    throw new OnwardError("too_many_topics", `A subscription can have ${MAX_MATCHERS} of \`${option}\`. Ask for fewer.`)
  }
  return { topics: [...topics].sort(), selectors: [...selectors.values()].sort((a, b) => (a.key < b.key ? -1 : 1)) }
}

/** What a subscription may read of private entries. */
export class Permission {
  readonly key: string
  readonly #topics: ReadonlySet<string>
  readonly #selectors: readonly Selector[]

  constructor(may: readonly TopicMatcher[]) {
    const { topics, selectors } = splitMatchers("may", may)
    this.#topics = new Set(topics)
    this.#selectors = selectors
    this.key = JSON.stringify([topics, selectors.map(({ key }) => key)])
  }

  /** @param topic as the hub names it */
  covers(topic: string): boolean {
    const name = outerName(topic)
    return name !== undefined && (this.#topics.has(name) || this.#selectors.some(({ matches }) => matches(name)))
  }
}
