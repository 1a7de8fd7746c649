import { checkedText, list } from "./values.ts"

/** An origin as browsers write it. Throws an `Error` that says what to use. */
function toOrigin(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.origin === text) return text
  throw new Error("an origin, such as https://app.example.com")
}

/** An origin for CORS, or `*` for all. Throws an `Error` that says what to use. */
export const toCorsOrigin = (text: string): string => (text === "*" ? text : toOrigin(text))

/** The origin of a URL without a path. Throws an `Error` that says what to use. */
export function toPublicUrl(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`) return url.origin
  throw new Error("a URL without a path, such as https://events.example.com")
}

/** A list of origins. */
export const origins = () => list(checkedText(toOrigin), "origins, such as https://app.example.com")
