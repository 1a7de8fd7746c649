/** Stands before what PostgreSQL's text cannot hold, and before itself. */
const MARK = "\u001a"
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const ODD = /[\u0000\u001a]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
// oxlint-disable-next-line no-control-regex -- the same
const MAY_BE_ODD = /[\u0000\u001a\ud800-\udfff]/

/** Text without NUL and halves of surrogate pairs, neither of which PostgreSQL can keep. Undone by {@link fromText}. */
export function toText(given: string): string {
  if (!MAY_BE_ODD.test(given)) return given
  return given.replace(ODD, (odd) => MARK + odd.charCodeAt(0).toString(16).padStart(4, "0"))
}

/** The text that {@link toText} was given. */
export function fromText(text: string): string {
  if (!text.includes(MARK)) return text
  // oxlint-disable-next-line no-control-regex -- the same
  return text.replace(/\u001a([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** An array as PostgreSQL writes it (section 8.15.2 of its manual), so that no client has to know the type. */
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
