import type * as Api from "@opentelemetry/api"

/** The headers of a request: those of `node:http`, or of a fetch `Request`. */
export type RequestHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/**
 * Runs a function in the trace of a request: what it publishes and which streams it opens become children of the span that the request's
 * `traceparent` header names (W3C Trace Context). It does nothing else when a span is active already, as with an instrumentation of HTTP, which
 * reads the header itself. Needs an SDK that registered a context manager and a propagator.
 *
 * @param api the module `@opentelemetry/api`
 * @returns what `run` returns
 * @example
 * http.createServer((req, res) => withTraceContext(api, req.headers, () => sse(req, res, hub.subscribe({ topics: ["news"] }))))
 */
export function withTraceContext<T>(
  { context, propagation, trace }: Pick<typeof Api, "context" | "propagation" | "trace">,
  headers: RequestHeaders,
  run: () => T,
): T {
  const active = context.active()
  if (trace.getSpan(active)) return run()
  return context.with(propagation.extract(active, headers, GETTER), run)
}

const GETTER: Api.TextMapGetter<RequestHeaders> = {
  keys: (headers) => (isFetched(headers) ? [...headers.keys()] : Object.keys(headers)),
  get(headers, name) {
    if (isFetched(headers)) return headers.get(name) ?? undefined
    const value = headers[name.toLowerCase()]
    return typeof value === "object" ? [...value] : value
  },
}

const isFetched = (headers: RequestHeaders): headers is Headers => typeof headers["get"] === "function"
