import { RE2JS } from "re2js"
import type { ComponentOptions, Part } from "./component.ts"
import { any, literal, optional, reachEnd, repeatedGroup, repeatedText, segment, type Step } from "./steps.ts"

/**
 * Limits of regular expressions in a pattern: characters, product of counted repetitions, and instructions of the compiled program. RE2 takes
 * time proportional to instructions times characters of the topic.
 */
const MAX_REGEX = { chars: 200, repetitions: 64, instructions: 400 }

/**
 * Makes a matcher of the parts of one URL component. Its time is linear in the text.
 * @throws RangeError for a regular expression that RE2 does not support, or that is too large
 */
export function matchComponent(parts: readonly Part[], options: ComponentOptions): (text: string) => boolean {
  const [first, ...rest] = parts
  if (!first) return (text) => text === ""
  if (rest.length === 0 && first.takes === "any" && first.prefix + first.suffix === "") return () => true
  if (rest.length === 0 && first.takes === "text" && first.modifier === "") return (text) => text === first.value
  if (parts.some(({ takes }) => takes === "regex")) return matchRegex(parts, options)
  const steps = parts.map((part) => stepOf(part, options))
  return (text) => reachEnd(steps, text)
}

function stepOf({ takes, value, prefix, suffix, modifier }: Part, { delimiter }: ComponentOptions): Step {
  const isRepeated = modifier === "+" || modifier === "*"
  const isOptional = modifier === "?" || modifier === "*"
  const one = ((): Step => {
    if (takes === "text") return isRepeated ? repeatedText(value) : literal(value)
    // repeating `prefix*suffix` takes nothing that one `prefix*suffix` does not take
    if (takes === "segment" && isRepeated) return repeatedGroup({ prefix, suffix, delimiter })
    return inOrder([literal(prefix), takes === "any" ? any : segment(delimiter), literal(suffix)])
  })()
  return isOptional ? optional([one]) : one
}

const inOrder =
  (steps: readonly Step[]): Step =>
  (from, text) => {
    let places: ReturnType<Step> = from
    for (const step of steps) places = places && step(places, text)
    return places
  }

function matchRegex(parts: readonly Part[], options: ComponentOptions): (text: string) => boolean {
  const source = parts.map((part) => regexOf(part, options)).join("")
  const chars = parts.reduce((sum, { takes, value }) => sum + (takes === "regex" ? value.length : 0), 0)
  if (chars > MAX_REGEX.chars)
    throw new RangeError(`its regular expressions have more than ${MAX_REGEX.chars} characters`)
  if (repetitionsIn(source) > MAX_REGEX.repetitions) {
    throw new RangeError(`its regular expressions repeat more than ${MAX_REGEX.repetitions} times`)
  }
  const compiled = compile(source)
  if (compiled.programSize() > MAX_REGEX.instructions) throw new RangeError("its regular expressions are too large")
  return (text) => compiled.matches(text)
}

function compile(source: string): RE2JS {
  try {
    return RE2JS.compile(source)
  } catch {
    throw new RangeError("its regular expression is invalid, or uses look-around or back-references")
  }
}

/** The product of all counts in `{n}` and `{n,m}`: an upper bound for how often a part of the expression is copied. */
function repetitionsIn(source: string): number {
  let product = 1
  for (const [, least = "", most = least] of source.matchAll(/\{(\d+)(?:,(\d*))?\}/g)) {
    product *= Math.max(1, Number(least), Number(most))
  }
  return product
}

/** The regular expression of a part (WHATWG URL Pattern, "generate a regular expression and name list"). */
function regexOf({ takes, value, prefix, suffix, modifier }: Part, { delimiter }: ComponentOptions): string {
  if (takes === "text") return modifier === "" ? escapeRegex(value) : `(?:${escapeRegex(value)})${modifier}`
  const inner =
    takes === "any"
      ? ".*"
      : takes === "regex"
        ? value
        : delimiter === ""
          ? "[\\s\\S]+"
          : `[^${escapeRegex(delimiter)}]+`
  return `(?:${escapeRegex(prefix)}(?:${inner})${escapeRegex(suffix)})${modifier}`
}

const escapeRegex = (text: string): string => text.replaceAll(/[.+*?^${}()[\]|/\\-]/g, "\\$&")
