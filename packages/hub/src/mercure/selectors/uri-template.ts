import { literal, optional, reachEnd, type Places, type Step } from "./steps.ts"

/**
 * URI templates as matchers, as Mercure 0.x uses them: a topic matches if expanding the template (RFC 6570) could give it. An expression becomes
 * a class of characters, of which any number matches.
 */

/** Most expressions in a template, so that a match takes a bounded number of passes over the topic. */
const MAX_EXPRESSIONS = 20

/** How an operator expands (RFC 6570 appendix A). */
interface Operator {
  /** The sign before the first value. */
  readonly first: string
  /** The sign between values. */
  readonly separator: string
  /** Whether values are `name=value`. */
  readonly isNamed: boolean
  /** Whether values may hold reserved characters. */
  readonly isReserved: boolean
}

const operator = (
  first: string,
  separator: string,
  { isNamed = false, isReserved = false }: { isNamed?: boolean; isReserved?: boolean } = {},
): Operator => ({ first, separator, isNamed, isReserved })

const OPERATORS: Readonly<Record<string, Operator>> = {
  "": operator("", ","),
  "+": operator("", ",", { isReserved: true }),
  "#": operator("#", ",", { isReserved: true }),
  ".": operator(".", "."),
  "/": operator("/", "/"),
  ";": operator(";", ";", { isNamed: true }),
  "?": operator("?", "&", { isNamed: true }),
  "&": operator("&", "&", { isNamed: true }),
}

const UNRESERVED = /^[A-Za-z0-9\-._~]$/
const RESERVED = /^[!#$&'()*+,/:;=?@[\]]$/
const EXPRESSION = /\{([+#./;?&]?)([^{}]*)\}/y
const VARIABLE = /^(?:[\w]|%[\dA-Fa-f]{2})(?:\.?(?:[\w]|%[\dA-Fa-f]{2}))*(?:\*|:[1-9]\d{0,3})?$/
/** What a template may hold between its expressions (RFC 6570 section 2.1). */
const LITERALS = /(?:%[\dA-Fa-f]{2}|[^\p{Cc}\s"'%<>\\^`{|}])+/uy

/** Returns a matcher; undefined for a text that is no template, because it has no expression or is malformed. */
export function compileTemplate(template: string): ((topic: string) => boolean) | undefined {
  if (!template.includes("{")) return undefined
  const steps: Step[] = []
  let expressions = 0
  for (let at = 0; at < template.length;) {
    LITERALS.lastIndex = EXPRESSION.lastIndex = at
    const [text] = LITERALS.exec(template) ?? []
    if (text !== undefined) {
      steps.push(literal(text))
      at += text.length
      continue
    }
    const [all = "", sign = "", list = ""] = EXPRESSION.exec(template) ?? []
    const variables = list.split(",")
    if (all === "" || !variables.every((name) => VARIABLE.test(name))) return undefined
    if (++expressions > MAX_EXPRESSIONS) return undefined
    steps.push(expand(OPERATORS[sign] as Operator, variables))
    at += all.length
  }
  return (topic) => topic === template || reachEnd(steps, topic)
}

function expand({ first, separator, isNamed, isReserved }: Operator, variables: readonly string[]): Step {
  const isExploded = variables.some((name) => name.endsWith("*"))
  const isIn = classOf({ isReserved, hasEquals: isNamed || isExploded })
  const list = values(isIn, separator.charCodeAt(0), isExploded ? Infinity : variables.length - 1)
  return first === "" ? list : optional([literal(first), list])
}

/** The characters of a value, by their code. */
function classOf({ isReserved, hasEquals }: { isReserved: boolean; hasEquals: boolean }): Uint8Array {
  const isIn = new Uint8Array(128)
  for (let code = 0; code < isIn.length; code++) {
    const char = String.fromCharCode(code)
    const isOf = UNRESERVED.test(char) || char === "," || (char === "=" && hasEquals)
    isIn[code] = Number(isOf || (isReserved && RESERVED.test(char)))
  }
  return isIn
}

const PERCENT = 0x25

/** More separators than a topic can have. */
const NOT_REACHED = 0xffff_ffff

/** Takes characters of a class and percent-encoded ones, and among them up to `most` separators. */
const values =
  (isIn: Uint8Array, separator: number, most: number): Step =>
  (from, text) => {
    const { length } = text
    /** For each place, the least separators on the way to it. */
    const least = new Uint32Array(length + 1).fill(NOT_REACHED)
    const to: Places = new Uint8Array(length + 1)
    for (let at = from.indexOf(1); at <= length; at++) {
      if (from[at] === 1) least[at] = 0
      const separators = least[at] as number
      if (separators === NOT_REACHED) continue
      to[at] = 1
      if (at === length) break
      const code = text.charCodeAt(at)
      if (isIn[code] === 1) least[at + 1] = Math.min(least[at + 1] as number, separators)
      else if (code === separator && separators < most)
        least[at + 1] = Math.min(least[at + 1] as number, separators + 1)
      else if (code === PERCENT && isHex(text, at + 1) && isHex(text, at + 2)) least[at + 3] = separators
    }
    return to
  }

function isHex(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  const lower = code | 0x20
  return (code >= 0x30 && code <= 0x39) || (lower >= 0x61 && lower <= 0x66)
}
