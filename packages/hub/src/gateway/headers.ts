import type { IncomingHttpHeaders, IncomingMessage } from "node:http"
import { HttpError } from "../http-error.ts"
import { SECURITY_HEADERS } from "../respond.ts"

/** Headers with which clients of providers authenticate. */
export const CREDENTIALS: readonly string[] = [
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "ocp-apim-subscription-key",
]

/** Headers of one connection (RFC 9110 section 7.6.1) and its framing (RFC 9112 section 6). */
const CONNECTION =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|content-length|upgrade|http2-settings|expect)$/

/**
 * Request headers that are not forwarded, also HTTP/2 fields such as `:path`. The provider gets no cookie of the hub's origin, its own host, and
 * no other path or method than the gateway has checked.
 */
const NOT_ASKED =
  /^(?::.*|host|cookie|accept-encoding|last-event-id|origin|referer|sec-.*|access-control-.*|x-forwarded-.*|forwarded|x-real-ip|x-original-.*|x-rewrite-.*|x-http-method.*|x-method-override)$/

/** Response headers that are not forwarded: they would affect the hub's origin, or the proxy before it. */
const NOT_ANSWERED =
  /^(?:set-cookie2?|access-control-.*|timing-allow-origin|clear-site-data|service-worker-allowed|refresh|alt-svc|strict-transport-security|public-key-pins.*|expect-ct|content-security-policy.*|cross-origin-.*|origin-agent-cluster|x-frame-options|x-xss-protection|permissions-policy|feature-policy|document-policy.*|require-document-policy|referrer-policy|x-content-type-options|nel|report-to|reporting-endpoints|speculation-rules|supports-loading-mode|sourcemap|x-sourcemap|accept-ch|critical-ch|x-dns-prefetch-control|x-permitted-cross-domain-policies|x-accel-.*|x-sendfile.*|x-lighttpd-.*|x-reproxy-.*|onward-run.*|content-location)$/

/** Content types that a browser runs or shows as a page. A PDF can contain scripts. */
const ACTIVE = /html|xml|svg|script|pdf|mhtml|multipart\/related/i

/** The policy for every response of a provider, so that it cannot act as a page of the hub's origin. */
const SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'"

/** @throws HttpError for requests that two servers can read differently, and for those that the gateway does not support */
export function checkRequest({ method = "", headers, rawHeaders }: IncomingMessage): void {
  if (!METHODS.includes(method)) {
    throw new HttpError(
      405,
      "method_not_allowed",
      `The gateway does not forward ${method}. Use ${METHODS.join(", ")}.`,
      {
        allow: METHODS.join(", "),
      },
    )
  }
  const coding = headers["transfer-encoding"]
  if (coding !== undefined && coding.toLowerCase() !== "chunked") {
    throw new HttpError(
      501,
      "unsupported_transfer_coding",
      `The body has the transfer coding "${coding}". Send it chunked only.`,
    )
  }
  // Java's client requests h2c with each request, and accepts a normal response (RFC 9110 section 7.8)
  if (headers.upgrade !== undefined && headers.upgrade.toLowerCase() !== "h2c") {
    throw new HttpError(501, "upgrade_not_supported", "The gateway does not upgrade connections. Use HTTP requests.")
  }
  for (const name of ["host", ...CREDENTIALS]) {
    if (rawHeaders.filter((given, at) => at % 2 === 0 && given.toLowerCase() === name).length > 1) {
      throw new HttpError(400, "repeated_header", `The request has more than one header ${name}. Send it once.`)
    }
  }
}

const METHODS: readonly string[] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

export type HeaderFields = Record<string, string | string[]>

/** Returns the headers of a request to the provider, without framing and `Host`. */
export function requestHeaders(headers: IncomingHttpHeaders): HeaderFields {
  return kept(headers, NOT_ASKED)
}

/**
 * Returns the headers of a provider's response for the client, without framing.
 * @param toLocal returns the gateway's path for a URL of the provider; undefined for another URL
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

/** Returns the headers that describe a provider's stream, such as its request id and the rate limit. */
export function sideHeaders(headers: IncomingHttpHeaders): Record<string, string> {
  const forwarded = Object.entries(kept(headers, NOT_ANSWERED)).filter(([name]) =>
    /^(?:x-request-id|request-id|x-ratelimit-|openai-|anthropic-)/.test(name),
  )
  return Object.fromEntries(forwarded.map(([name, value]) => [name, String(value)]))
}
