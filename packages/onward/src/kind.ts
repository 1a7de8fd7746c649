/** Describes a value for an error message: `"news"`, `5000`, `a promise`, `an array`, `a Map`. */
export function kindOf(value: unknown): string {
  if (typeof value === "string") {
    // the URL of a store can contain a password
    if (/:\/\/[^/]*@/.test(value)) return "a URL with credentials"
    return value.length > 60 ? `a string of ${value.length} characters` : JSON.stringify(value)
  }
  if (value === null || (typeof value !== "object" && typeof value !== "function")) return String(value)
  if (typeof value === "function")
    return /^\[object (?:Async)?Gen/.test(tagOf(value)) ? "a generator function" : "a function"
  if (isThenable(value)) return "a promise"
  const tag = tagOf(value).slice(8, -1)
  const name = tag === "Object" ? ((value.constructor as Function | undefined)?.name ?? tag) : tag
  if (name === "Object" || name === "") return "an object"
  return `${/^[AEIO]/.test(name) ? "an" : "a"} ${name === "Array" ? "array" : name}`
}

/** Checks for `then`, because promises of libraries and other realms are not instances of `Promise`. */
export const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"

/** `[object Object]` for plain objects and most instances of classes; what the platform makes has a name of its own. */
export const tagOf = (value: unknown): string => Object.prototype.toString.call(value)
