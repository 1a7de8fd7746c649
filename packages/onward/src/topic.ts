import { byteLength } from "./bytes.ts"
import { CONTROL_CHARACTER } from "./control-characters.ts"
import { OnwardError } from "./errors.ts"
import { kindOf } from "./kind.ts"
import { findApart, Literal, segmentEnd, SLASH } from "./literal.ts"

/** Maximum length of a topic name and a pattern, in UTF-8 bytes. */
export const MAX_TOPIC_BYTES = 1024
/** Maximum length of a topic name where every name is allowed, in UTF-8 bytes. */
export const MAX_ANY_TOPIC_BYTES = 4096
/** Maximum number of wildcards (`*` and `:name`) in one pattern. */
export const MAX_WILDCARDS = 8

/** `*` anywhere, or `:name` at the start of a path segment. */
const WILDCARD = /\*|(?:^|\/):[A-Za-z_$]/
/** Other URLPattern syntax, which Onward does not support and therefore refuses. */
const UNSUPPORTED = /[{}()\\?+]|\*\*/

/** True when `selector` is a pattern rather than a topic name. The two never overlap: names cannot hold wildcards. */
export const isPattern = (selector: string): boolean => WILDCARD.test(selector)

/** Names that no publisher may use, and no pattern matches: Onward's own. */
export const isReserved = (topic: string): boolean => topic.startsWith("stream.")

/** Checks a topic name; throws `OnwardError("invalid_selector")`. */
export function checkTopic(topic: string): void {
  checkText(topic, "a topic")
  if (isReserved(topic)) {
    throw new OnwardError("invalid_selector", "Topic names starting with `stream.` are reserved. Choose another name.")
  }
  if (isPattern(topic)) {
    throw new OnwardError(
      "invalid_selector",
      "A topic name cannot contain `*` or a `:name` segment. Pass patterns as `patterns`.",
    )
  }
}

/** Checks a topic name that is not Onward's: any line of text. Throws `OnwardError("invalid_selector")`. */
export const checkAnyTopic = (topic: string): void => checkText(topic, "a topic", MAX_ANY_TOPIC_BYTES)

function checkText(text: unknown, what: string, maxBytes = MAX_TOPIC_BYTES): void {
  if (typeof text !== "string" || text === "")
    throw new OnwardError("invalid_selector", `${what} must be a non-empty string, not ${kindOf(text)}`)
  if (text.length > maxBytes || byteLength(text) > maxBytes) {
    throw new OnwardError("invalid_selector", `${what} may be ${maxBytes} bytes long at most`)
  }
  if (!text.isWellFormed()) throw new OnwardError("invalid_selector", `${what} holds half a surrogate pair`)
  if (CONTROL_CHARACTER.test(text)) throw new OnwardError("invalid_selector", `${what} cannot hold control characters`)
}

/** Tells whether a topic name matches. */
export type Matcher = (topic: string) => boolean

/** A literal, or one whole path segment. */
type Token = Literal | "segment"

/**
 * Compiles a pattern: URLPattern pathname syntax (WHATWG URL Pattern, section 2), of which `*` (any characters, `/` included) and
 * `:name` as a whole path segment are supported. The time of a match is linear in the length of the topic: what lies between two `*` can
 * always be taken at its first fit, because an earlier start never ends later, and `literal.ts` finds that without going back.
 * Throws `OnwardError("invalid_selector")`.
 */
export function compilePattern(pattern: string): Matcher {
  checkText(pattern, "a pattern")
  if (UNSUPPORTED.test(pattern)) {
    throw new OnwardError(
      "invalid_selector",
      "a pattern knows `*` and `/:name/` only, not `**`, `{}`, `()`, `?`, `+` or `\\`",
    )
  }
  const runs = pattern.split("*").map(tokenize)
  const wildcards = runs.length - 1 + runs.flat().filter((token) => token === "segment").length
  if (wildcards > MAX_WILDCARDS) {
    throw new OnwardError("invalid_selector", `a pattern may hold ${MAX_WILDCARDS} wildcards at most`)
  }
  const first = runs[0] ?? []
  if (runs.length === 1) return (topic) => fit(first, topic, 0) === topic.length && !isReserved(topic)
  const middle = runs.slice(1, -1).map(literalsOf)
  const last = runs[runs.length - 1] ?? []
  return (topic) => {
    let at = fit(first, topic, 0)
    for (const literals of middle) {
      if (at < 0) return false
      at = findApart(literals, topic, at)
    }
    return at >= 0 && endsWith(last, topic, at) && !isReserved(topic)
  }
}

/** How topics that match a checked pattern begin: literals with one path segment between each two. */
export const patternPrefix = (pattern: string): string[] =>
  (pattern.split("*")[0] ?? "").split(/(?<=^|\/):[A-Za-z_$][\w$]*/)

function tokenize(run: string, index: number, runs: readonly string[]): Token[] {
  const tokens: Token[] = []
  let rest = run
  for (;;) {
    const match = (index === 0 ? /(^|\/):[A-Za-z_$][\w$]*/ : /(\/):[A-Za-z_$][\w$]*/).exec(rest)
    if (!match) break
    const start = match.index + (match[1] ?? "").length
    const end = match.index + match[0].length
    if (end < rest.length ? rest[end] !== "/" : index < runs.length - 1) {
      throw new OnwardError(
        "invalid_selector",
        "`:name` in a pattern must be a whole path segment, like `users/:id/orders`",
      )
    }
    if (start > 0) tokens.push(new Literal(rest.slice(0, start)))
    tokens.push("segment")
    rest = rest.slice(end)
  }
  if (rest !== "") tokens.push(new Literal(rest))
  return tokens
}

/** The literals of what lies between two `*`: it begins and ends with one, and has a segment between each two. */
const literalsOf = (run: readonly Token[]): Literal[] => run.filter((token) => token !== "segment")

/** Where `run` ends when it starts at `at`, or -1. */
function fit(run: readonly Token[], topic: string, at: number): number {
  for (const token of run) {
    if (token === "segment") {
      const end = segmentEnd(topic, at)
      if (end === at) return -1
      at = end
    } else {
      if (!token.isAt(topic, at)) return -1
      at += token.length
    }
  }
  return at
}

/** Whether the topic ends with `run`, which starts at `from` or later. */
function endsWith(run: readonly Token[], topic: string, from: number): boolean {
  let end = topic.length
  for (let i = run.length - 1; i >= 0; i--) {
    const token = run[i] as Token
    let start = end
    if (token === "segment") {
      while (start > from && topic.charCodeAt(start - 1) !== SLASH) start--
      if (start === end) return false
    } else {
      start -= token.length
      if (start < from || !token.isAt(topic, start)) return false
    }
    end = start
  }
  return true
}
