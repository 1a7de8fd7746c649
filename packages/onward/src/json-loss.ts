import { isThenable, kindOf, tagOf } from "./kind.ts"

/** What JSON makes of a value that it cannot hold looks like this; most texts have none of it, and need no second look. */
const TRACES = ["{}", "null", '{"0":', '{"type":"Buffer"']

/** What has nothing to show to JSON by itself, but is no mistake. */
const PLAIN = /^\[object (?:Object|Array|String|Number|Boolean|Module)\]$/

/**
 * What `JSON.stringify` has dropped of `data` without a word, as "a Map at `a.b`"; undefined when nothing is lost. A promise, a Map, an
 * Error or a typed array becomes `{}`, and NaN becomes `null`.
 */
export function lossOf(data: unknown, text: string): string | undefined {
  const isObject = typeof data === "object" && data !== null
  if (
    !TRACES.some((trace) => text.includes(trace)) &&
    !(isObject && tagOf(data) !== "[object Object]") &&
    !isThenable(data)
  ) {
    return undefined
  }
  return find(data, "")
}

function find(value: unknown, path: string): string | undefined {
  const found = (): string => kindOf(value) + (path === "" ? "" : ` at \`${path.slice(1)}\``)
  if (typeof value === "number") return Number.isFinite(value) ? undefined : found()
  if (typeof value !== "object" || value === null) return undefined
  if (isThenable(value) || ArrayBuffer.isView(value)) return found()
  // it says itself what JSON is to have
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return undefined
  const tag = tagOf(value)
  if (tag === "[object Error]" || (!PLAIN.test(tag) && Object.keys(value).length === 0)) return found()
  for (const [name, part] of Object.entries(value)) {
    const lost = find(part, `${path}.${name}`)
    if (lost !== undefined) return lost
  }
  return undefined
}
