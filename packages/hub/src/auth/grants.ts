/**
 * What a principal may publish to or subscribe to. A grant is a topic or a pattern, kept as text in which one control character stands for
 * each wildcard. Control characters cannot be part of topics, so a claim that fills a template never becomes a wildcard.
 */

/** One path segment, `:name`. */
const SEGMENT = "\u0001"
/** Any characters, `*`. */
const ANY = "\u0002"

/** Most patterns of one principal for one action: each of them is tried for each selector. Topics without wildcards have another limit. */
const MAX_PATTERNS = 100
/** Most topics and patterns of one principal for one action. */
const MAX_GRANTS = 1_000
/** As the library's: longest topic in UTF-8 bytes, and most wildcards in a pattern. */
const MAX_BYTES = 1_024
const MAX_WILDCARDS = 8

/** As the library's: what is a pattern, and what it does not support in patterns. */
const WILDCARD = /\*|(?:^|\/):[A-Za-z_$]/
const UNSUPPORTED = /[{}()\\?+]|\*\*/
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/
const NAMED = /(^|\/):[A-Za-z_$][\w$]*(?=\/|$)/g

/** A topic or pattern with wildcards replaced by {@link SEGMENT} and {@link ANY}. */
export type Grant = string

/** Whether a text holds what neither topics nor patterns can hold. */
export const hasControl = (text: string): boolean => CONTROL.test(text) || !text.isWellFormed()

/**
 * Reads a topic or a pattern.
 * @throws RangeError that says what is wrong with it
 */
export function toGrant(selector: string): Grant {
  if (typeof selector !== "string" || selector === "") throw new RangeError("it must be a text that is not empty")
  if (hasControl(selector)) throw new RangeError("it holds control characters or half a surrogate pair")
  return translate(selector)
}

/** @throws RangeError */
export function translate(selector: string): Grant {
  const isPattern = WILDCARD.test(selector)
  if (isPattern && UNSUPPORTED.test(selector)) {
    throw new RangeError("a pattern knows `*` and `/:name/` only, not `**`, `{}`, `()`, `?`, `+` or `\\`")
  }
  const grant = isPattern ? selector.replace(NAMED, `$1${SEGMENT}`).replaceAll("*", ANY) : selector
  if (isPattern && WILDCARD.test(grant)) throw new RangeError("`:name` must be a whole path segment")
  return checkSize(grant)
}

/** @throws RangeError for what is longer, or has more wildcards, than a topic or pattern can have */
export function checkSize(grant: Grant): Grant {
  if (Buffer.byteLength(grant) > MAX_BYTES) throw new RangeError(`it has more than ${MAX_BYTES} bytes`)
  let wildcards = 0
  for (const char of grant) if (char === SEGMENT || char === ANY) wildcards++
  if (wildcards > MAX_WILDCARDS) throw new RangeError(`it has more than ${MAX_WILDCARDS} wildcards`)
  return grant
}

/** A grant as people write it. */
export const showGrant = (grant: Grant): string => grant.replaceAll(SEGMENT, ":segment").replaceAll(ANY, "*")

/** Topics and patterns that are granted for one action. */
export class Grants {
  static readonly none: Grants = new Grants([])
  readonly #topics = new Set<string>()
  readonly #patterns = new Set<Grant>()

  /** @throws RangeError for more grants than a principal can have */
  constructor(grants: Iterable<Grant>) {
    for (const grant of grants) (isLiteral(grant) ? this.#topics : this.#patterns).add(grant)
    if (this.#patterns.size > MAX_PATTERNS) throw new RangeError(`there are more than ${MAX_PATTERNS} patterns`)
    if (this.#topics.size + this.#patterns.size > MAX_GRANTS) {
      throw new RangeError(`there are more than ${MAX_GRANTS} topics and patterns`)
    }
  }

  get size(): number {
    return this.#topics.size + this.#patterns.size
  }

  /** Whether everything that a topic or pattern stands for is granted. False when that cannot be told, and for what is neither. */
  covers(selector: string): boolean {
    return this.coveredBy(selector) !== undefined
  }

  /** The grant that covers everything that a topic or pattern stands for. */
  coveredBy(selector: string): Grant | undefined {
    // the library's own
    if (selector.startsWith("stream.")) return undefined
    if (this.#topics.has(selector) && !WILDCARD.test(selector)) return selector
    if (this.#patterns.size === 0) return undefined
    let asked: Grant
    try {
      asked = toGrant(selector)
    } catch {
      return undefined
    }
    for (const pattern of this.#patterns) if (includes(pattern, asked)) return pattern
    return undefined
  }

  *[Symbol.iterator](): IterableIterator<Grant> {
    yield* this.#topics
    yield* this.#patterns
  }

  /** For the log. */
  toString(): string {
    const shown = [...this].slice(0, MAX_SHOWN).map(showGrant).join(", ")
    const more = this.size - MAX_SHOWN
    return `[${shown}${more > 0 ? `, and ${more} more` : ""}]`
  }
}

const MAX_SHOWN = 10

const isLiteral = (grant: Grant): boolean => !grant.includes(SEGMENT) && !grant.includes(ANY)

/**
 * Whether each topic that `asked` stands for matches `pattern`: its literals meet themselves, `:name` takes one segment without `*`, and `*`
 * takes anything. Sound: it says yes only if one way to match fits all these topics. Only the last `*` has to be tried again, because an
 * earlier start never ends later.
 */
function includes(pattern: Grant, asked: Grant): boolean {
  let at = 0
  let from = 0
  let star = -1
  let resume = 0
  for (;;) {
    const token = pattern[at]
    if (token === ANY) {
      star = at++
      resume = from
      if (at === pattern.length) return true
      continue
    }
    if (token === undefined && from === asked.length) return true
    const next = token === undefined ? -1 : takes(token, asked, from)
    if (next >= 0) {
      at++
      from = next
      continue
    }
    if (star < 0 || resume >= asked.length) return false
    at = star + 1
    from = ++resume
  }
}

/** Where what a token takes ends, or -1. */
function takes(token: string, asked: Grant, from: number): number {
  if (token !== SEGMENT) return asked[from] === token ? from + 1 : -1
  let end = from
  while (end < asked.length && asked[end] !== "/") {
    if (asked[end] === ANY) return -1
    end++
  }
  return end === from ? -1 : end
}
