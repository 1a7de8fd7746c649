import { OnwardError } from "./errors.ts"
import { isThenable, kindOf, tagOf } from "./kind.ts"

/**
 * Throws a `TypeError` for an option that does not exist, and for options that are not an object: a slip that passes in silence is
 * found in production. A name like `retention.count` is no option of its own: it tells where a misplaced `count` belongs.
 */
export function checkNames(what: string, options: unknown, names: readonly string[]): void {
  const own = (): string => names.filter((name) => !name.includes(".")).join(", ")
  if (tagOf(options) !== "[object Object]" || isThenable(options)) {
    throw new TypeError(`${what} takes an object, not ${kindOf(options)}. Its options are ${own()}.`)
  }
  for (const name of Object.keys(options as object)) {
    if (names.includes(name)) continue
    const meant = nearest(name, names)
    const question = meant === undefined ? "" : ` Did you mean "${meant}"?`
    throw new TypeError(`${what} has no option "${name}".${question} Its options are ${own()}.`)
  }
}

/** What is told of a field of a message that does not exist: fields may be a client's, so this is no mistake of the program alone. */
export function unknownField(name: string, names: readonly string[]): OnwardError {
  const meant = nearest(name, names)
  const question = meant === undefined ? "" : ` Did you mean "${meant}"?`
  return new OnwardError(
    "invalid_message",
    `A message has no field "${name}".${question} Its fields are ${names.join(", ")}.`,
  )
}

/** The name that is most like a misspelt one, if one is close. */
export function nearest(given: string, names: readonly string[]): string | undefined {
  let best: string | undefined
  let least = Infinity
  for (const name of names) {
    const word = name.slice(name.lastIndexOf(".") + 1).toLowerCase()
    const far = distance(given.toLowerCase(), word)
    if (far < least && far <= Math.max(1, word.length / 3)) [best, least] = [name, far]
  }
  return best
}

/** Letters to add, drop or change (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from(` ${b}`, (_, i) => i)
  for (const letter of a) {
    const next = [(row[0] as number) + 1]
    for (let j = 0; j < b.length; j++) {
      next.push(
        Math.min((next[j] as number) + 1, (row[j + 1] as number) + 1, (row[j] as number) + (letter === b[j] ? 0 : 1)),
      )
    }
    row = next
  }
  return row[b.length] as number
}

/** What an option can be asked to be. A signal is known by what it can do: there are copies of the class. */
type Kind = "a function" | "true or false" | "a string" | "an AbortSignal"

const KINDS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  "a function": (value) => typeof value === "function",
  "true or false": (value) => typeof value === "boolean",
  "a string": (value) => typeof value === "string",
  "an AbortSignal": (value) => has(value, "addEventListener") && "aborted" in (value as object),
}

const has = (value: unknown, method: string): boolean =>
  typeof value === "object" && value !== null && typeof (value as Record<string, unknown>)[method] === "function"

/** Throws a `TypeError` for each option that is given and is not what it must be. */
export function checkKinds(what: string, options: object, kinds: Readonly<Record<string, Kind>>): void {
  for (const name of Object.keys(options)) {
    const kind = kinds[name]
    const value = (options as Record<string, unknown>)[name]
    if (kind === undefined || value === undefined || KINDS[kind](value)) continue
    throw new TypeError(`${what}: \`${name}\` must be ${kind}, not ${kindOf(value)}.`)
  }
}

/** A duration in milliseconds: above 0, or the default when it is not given. */
export function durationOf(name: string, given: number | undefined, byDefault: number): number {
  if (given === undefined) return byDefault
  if (typeof given === "number" && given > 0) return given
  throw new TypeError(`${name} must be a number of milliseconds above 0, not ${kindOf(given)}.`)
}
