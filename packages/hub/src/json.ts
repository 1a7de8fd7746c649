import { HttpError } from "./http-error.ts"

/** Deepest nesting of arrays and objects. */
const MAX_DEPTH = 64

/** Numbers that JavaScript might not hold as they were written: many digits, or an exponent. */
const LONG_NUMBER = /\d{16}|\d\.\d{15}|\d[eE]/

/**
 * Parses JSON from outside: of bounded depth, and with every number kept as it was written when it is written out again.
 * A `__proto__` becomes a property like any other. Throws `HttpError` 400.
 */
export function parseJson(text: string): unknown {
  if (depthOf(text) > MAX_DEPTH) throw invalid(`JSON may be nested ${MAX_DEPTH} levels deep at most`)
  try {
    return LONG_NUMBER.test(text) ? JSON.parse(text, keepNumber) : JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw invalid(`the body is not JSON: ${error.message}`)
  }
}

/** ECMAScript's JSON.parse source text access, which the type library does not know yet. */
type RawJson = typeof JSON & { rawJSON(text: string): unknown }

function keepNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source
  if (typeof value !== "number" || source === undefined || JSON.stringify(value) === source) return value
  return (JSON as RawJson).rawJSON(source)
}

/** How deep the brackets outside of strings go; the text need not be valid. */
function depthOf(text: string): number {
  let depth = 0
  let deepest = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[{\]}]/gs)) {
    if (token === "[" || token === "{") deepest = Math.max(deepest, ++depth)
    else if (token === "]" || token === "}") depth--
  }
  return deepest
}

const invalid = (message: string): HttpError => new HttpError(400, "invalid_body", message)
