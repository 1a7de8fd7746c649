/** The path of the endpoint. Throws an `Error` that says what to use. */
export function toPath(text: string): string {
  const url = URL.parse(text, "http://hub")
  if (url && text.startsWith("/") && text !== "/" && url.pathname === text && !text.endsWith("/")) return text
  throw new Error("a path without a query, such as /.well-known/mercure")
}

/** An absolute URL. Throws an `Error` that says what to use. */
export function toResource(text: string): string {
  if (URL.canParse(text)) return text
  throw new Error("a URL, such as https://example.com/.well-known/mercure")
}

/** An origin, with a `*` in it perhaps, or `*`. Throws an `Error` that says what to use. */
export function toPublishOrigin(text: string): string {
  const isAny = text === "*"
  if (isAny || (/^https?:\/\/[^/*]*(?:\*[^/*]*)?$/.test(text) && URL.canParse(text.replace("*", "a")))) return text
  throw new Error("an origin, such as https://app.example.com or https://*.example.com")
}
