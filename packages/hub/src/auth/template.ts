import { checkSize, hasControl, toGrant, translate, type Grant } from "./grants.ts"
import type { Claims } from "./principal.ts"

/** Stands for a claim while the text around it is read. */
const SLOT = "\u0003"
const CLAIM = /\{([^{}]*)\}/g
/** Longest value of a claim that fills a template, in characters, and most values of a list. */
const MAX_VALUE = 256
const MAX_VALUES = 100
/** Most topics that one template stands for. */
const MAX_CHOICES = 1_000

/** A topic or pattern that may hold claims, `users/{sub}/*`. */
export interface Template {
  /** The grants for these claims; none when a claim is missing, or cannot be one segment of a topic. */
  grantsFor(claims: Claims): Grant[]
}

/**
 * Reads a template. The values of claims become literal text: a user whose id is `*`, `a/b` or `:x` is granted nothing that others have.
 * @throws RangeError that says what is wrong with it
 */
export function readTemplate(text: string): Template {
  if (typeof text !== "string" || hasControl(text)) throw new RangeError("it must be a text without control characters")
  const names = [...text.matchAll(CLAIM)].map(([, name = ""]) => name)
  if (names.length === 0) {
    const grant = toGrant(text)
    return { grantsFor: () => [grant] }
  }
  if (names.includes("")) throw new RangeError("the braces must hold the name of a claim")
  const pieces = translate(text.replace(CLAIM, SLOT)).split(SLOT)
  return {
    grantsFor: (claims) =>
      choicesOf(names, claims)
        .map((choice) => pieces.reduce((grant, piece, i) => `${grant}${choice.get(names[i - 1] as string)}${piece}`))
        .filter(fits),
  }
}

/** Each way to choose one value for each claim. */
function choicesOf(names: readonly string[], claims: Claims): ReadonlyMap<string, string>[] {
  let choices: ReadonlyMap<string, string>[] = [new Map()]
  for (const name of new Set(names)) {
    const values = valuesOf(valueAt(claims, name))
    if (choices.length * values.length > MAX_CHOICES) {
      throw new RangeError(`the claims in a template stand for more than ${MAX_CHOICES} topics`)
    }
    choices = choices.flatMap((choice) => values.map((value) => new Map([...choice, [name, value]])))
  }
  return choices
}

function fits(grant: Grant): boolean {
  try {
    checkSize(grant)
    return true
  } catch {
    return false
  }
}

/** The claim of this name, or for `org.id` the member `id` of the claim `org`. */
export function valueAt(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name]
  let value: unknown = claims
  for (const part of name.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<string, unknown>)[part]
  }
  return value
}

function valuesOf(value: unknown): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value.slice(0, MAX_VALUES) : [value]
  return list.map((each) => (Number.isSafeInteger(each) ? String(each) : each)).filter(isSegment)
}

const isSegment = (value: unknown): value is string =>
  typeof value === "string" && value !== "" && value.length <= MAX_VALUE && !value.includes("/") && !hasControl(value)
