import type { IncomingMessage, ServerResponse } from "node:http"

export interface CorsSettings {
  /** Origins whose pages can read and publish; `*` for all. */
  readonly origins: readonly string[]
  /** Whether their pages can send cookies. */
  readonly credentials: boolean
}

/** Response headers that pages of other origins can read, in addition to the safelisted ones. */
const EXPOSED =
  "retry-after, x-request-id, onward-connection, www-authenticate, last-event-id, mercure-last-event-id, link, etag"
/** Request headers that pages of other origins can send, in addition to the safelisted ones. */
const ALLOWED = "authorization, content-type, last-event-id, cache-control, incremental, if-none-match"

export interface Cors {
  /** Whether pages of this origin can use the hub. */
  isListed(origin: string | undefined): boolean
  /** Adds the headers to a response, also to an error: without them the page cannot read it. */
  addHeaders(req: IncomingMessage, res: ServerResponse): void
  /** Answers a preflight request of a listed origin. False for any other request. */
  answerPreflight(req: IncomingMessage, res: ServerResponse, methods: readonly string[]): boolean
}

/** Allows pages of listed origins to use the hub (Fetch, section 3.3). */
export function createCors({ origins, credentials }: CorsSettings): Cors {
  const listed = new Set(origins)
  const isForAll = listed.has("*")
  const isListed = (origin: string | undefined): boolean => origin !== undefined && (isForAll || listed.has(origin))

  return {
    isListed,
    addHeaders({ headers: { origin } }, res) {
      if (listed.size === 0) return
      if (!isForAll) res.setHeader("vary", "Origin")
      if (origin === undefined || !isListed(origin)) return
      res.setHeader("access-control-allow-origin", isForAll ? "*" : origin)
      res.setHeader("access-control-expose-headers", EXPOSED)
      if (credentials) res.setHeader("access-control-allow-credentials", "true")
    },
    answerPreflight({ method, headers }, res, methods) {
      const isPreflight = method === "OPTIONS" && headers["access-control-request-method"] !== undefined
      if (!isPreflight || !isListed(headers.origin)) return false
      res.setHeader("access-control-allow-methods", methods.join(", "))
      res.setHeader("access-control-allow-headers", ALLOWED)
      res.setHeader("access-control-max-age", "600")
      res.writeHead(204).end()
      return true
    },
  }
}
