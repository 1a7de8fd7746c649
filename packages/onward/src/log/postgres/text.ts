/** The escape character before a character that PostgreSQL's text cannot contain, and before itself. */
const ESCAPE = "\u001a"
// oxlint-disable-next-line no-control-regex -- the pattern searches for control characters
const UNSTORABLE = /[\u0000\u001a]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
// oxlint-disable-next-line no-control-regex -- the same
const MAYBE_UNSTORABLE = /[\u0000\u001a\ud800-\udfff]/

/** Escapes NUL and halves of surrogate pairs, which PostgreSQL cannot store. {@link fromText} reverses it. */
export function toText(given: string): string {
  if (!MAYBE_UNSTORABLE.test(given)) return given
  return given.replace(UNSTORABLE, (found) => ESCAPE + found.charCodeAt(0).toString(16).padStart(4, "0"))
}

/** Reverses {@link toText}. */
export function fromText(text: string): string {
  if (!text.includes(ESCAPE)) return text
  // oxlint-disable-next-line no-control-regex -- the same
  return text.replace(/\u001a([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** Encodes an array in PostgreSQL's text format (section 8.15.2 of its manual), so that no client needs to know its type. */
export function arrayOf(values: readonly (string | number | undefined)[]): string {
  let text = "{"
  for (const [i, value] of values.entries()) {
    if (i > 0) text += ","
    if (value === undefined) text += "NULL"
    else if (typeof value === "number") text += String(value)
    else text += `"${value.replace(/["\\]/g, "\\$&")}"`
  }
  return `${text}}`
}
