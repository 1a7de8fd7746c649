import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import { HttpError } from "../http-error.ts"
import { SECURITY_HEADERS } from "../respond.ts"

/** Headers that clients of providers name themselves by. */
export const CREDENTIALS: readonly string[] = [
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "ocp-apim-subscription-key",
]

/** Each connection has its own (RFC 9110 section 7.6.1), as it has its own framing (RFC 9112 section 6). */
const CONNECTION =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|content-length|upgrade|http2-settings|expect)$/

/** What is between the client and the gateway, fields of HTTP/2 such as `:path` too: the provider gets no cookie of the hub's origin, and its own host. */
const NOT_ASKED =
  /^(?::.*|host|cookie|accept-encoding|last-event-id|origin|referer|sec-.*|access-control-.*|x-forwarded-.*|forwarded|x-real-ip)$/

/** What a provider may not say in the hub's origin, or to the proxy before it. */
const NOT_ANSWERED =
  /^(?:set-cookie2?|access-control-.*|timing-allow-origin|clear-site-data|service-worker-allowed|refresh|alt-svc|strict-transport-security|public-key-pins.*|expect-ct|content-security-policy.*|cross-origin-.*|origin-agent-cluster|x-frame-options|x-xss-protection|permissions-policy|feature-policy|document-policy.*|require-document-policy|referrer-policy|x-content-type-options|nel|report-to|reporting-endpoints|speculation-rules|supports-loading-mode|sourcemap|x-sourcemap|accept-ch|critical-ch|x-dns-prefetch-control|x-permitted-cross-domain-policies|x-accel-.*|x-sendfile.*|x-lighttpd-.*|x-reproxy-.*|onward-run.*|content-location)$/

/** Types that a browser would run or draw as a page; a PDF, too, is a program. */
const ACTIVE = /html|xml|svg|script|pdf|mhtml|multipart\/related/i

/** On top of {@link SECURITY_HEADERS}, whatever a provider sends: in the hub's origin it is text, and no page. */
const SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"

/** @throws HttpError for what two servers could read in two ways, and for what the gateway does not do */
export function checkRequest({ method = "", headers, rawHeaders }: IncomingMessage): void {
  if (!METHODS.includes(method)) {
    throw new HttpError(405, "method_not_allowed", `${method} is not passed on. Use ${METHODS.join(", ")}.`, {
      allow: METHODS.join(", "),
    })
  }
  const coding = headers["transfer-encoding"]
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    throw new HttpError(501, "unsupported_transfer_coding", "The body has a transfer coding. Send it chunked only.")
  }
  // Java's client asks for h2c with each request, and is content with an answer (RFC 9110 section 7.8)
  if (headers.upgrade !== undefined && headers.upgrade.toLowerCase() !== "h2c") {
    throw new HttpError(501, "upgrade_not_supported", "The gateway does not upgrade connections. Use HTTP requests.")
  }
  for (const name of ["host", ...CREDENTIALS]) {
    if (rawHeaders.filter((given, at) => at % 2 === 0 && given.toLowerCase() === name).length > 1) {
      throw new HttpError(400, "repeated_header", `The header ${name} came more than once. Send it once.`)
    }
  }
}

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

export type HeaderFields = Record<string, string | string[]>

/** The headers of a request for the provider. Framing and `Host` are added by who sends it. */
export function requestHeaders(headers: IncomingHttpHeaders): HeaderFields {
  return kept(headers, NOT_ASKED)
}

/**
 * The headers of a provider's answer for the client, framing aside.
 * @param toLocal where an address of the provider is here; undefined for others
 */
export function answerHeaders(
  headers: IncomingHttpHeaders,
  toLocal: (url: string) => string | undefined,
): HeaderFields {
  const { location, ...rest } = kept(headers, NOT_ANSWERED)
  const here = typeof location === "string" ? toLocal(location) : undefined
  const isActive = ACTIVE.test(headers["content-type"] ?? "text/html")
  return {
    "cache-control": "no-store",
    ...rest,
    ...(here !== undefined && { location: here }),
    ...(isActive && { "content-disposition": "attachment" }),
    ...SECURITY_HEADERS,
    "content-security-policy": SANDBOX,
  }
}

function kept(headers: IncomingHttpHeaders, dropped: RegExp): HeaderFields {
  const named = new Set((headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase()))
  const all = Object.entries(headers).filter(
    ([name]) => !CONNECTION.test(name) && !dropped.test(name) && !named.has(name),
  )
  return Object.fromEntries(all) as HeaderFields
}

/** What a provider says beside its stream, such as its own id for it and how much may still be asked. */
export function sideHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const said = Object.entries(kept(headers, NOT_ANSWERED)).filter(([name]) =>
    /^(?:x-request-id|request-id|x-ratelimit-|openai-|anthropic-)/.test(name),
  )
  return Object.fromEntries(said.map(([name, value]) => [name, String(value)]))
}
