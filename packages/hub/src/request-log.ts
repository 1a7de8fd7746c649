import type { IncomingMessage, ServerResponse } from "node:http"
import { addressOf } from "./caller.ts"

/** Maximum length of a logged URL or user agent, in characters. */
export const MAX_FIELD = 500
/** Parameters that are logged. Everything else in a URL can be secret. */
const KNOWN = new Set([
  "topic",
  "since",
  "last",
  "last_event_id",
  "lastEventId",
  "lastEventID",
  "Last-Event-ID",
  "follow",
  "match",
  "match_exact",
  "match_urlpattern",
])
const HIDDEN = "/***"

/** A completed request. */
export interface Visit {
  readonly address: string
  readonly method: string
  /** The request's target, without anything that can be secret. */
  readonly target: string
  /** 0 if the client disconnected before the response. */
  readonly status: number
  /** In ms. */
  readonly duration: number
  readonly userAgent: string
}

/** Logs each completed request. */
export interface RequestLog {
  /** Logs the request when it completes. Its path is logged as `/***`, unless `isKnown` is called with it. */
  watch(req: IncomingMessage, res: ServerResponse): { readonly isKnown: (path: string) => void }
}

/**
 * @param write called with each completed request
 * @param bind keeps the context of a request until it completes
 */
export function createRequestLog(
  write: (visit: Visit) => void,
  bind: (listener: () => void) => () => void = (listener) => listener,
): RequestLog {
  return {
    watch(req, res) {
      const began = performance.now()
      const address = addressOf(req)
      const { url: target = "", method = "" } = req
      let path = HIDDEN
      // `once` takes more memory, and a response closes once
      const onClose = (): void =>
        write({
          address,
          method,
          target: path + shownAfter(target),
          status: res.headersSent ? res.statusCode : 0,
          duration: performance.now() - began,
          userAgent: req.headers["user-agent"] ?? "-",
        })
      res.on("close", bind(onClose))
      return {
        isKnown: (known) => {
          path = known
        },
      }
    },
  }
}

/** Returns the part of a target after the path, with the values of the hub's parameters only, up to a `;` in them. */
function shownAfter(target: string): string {
  const [address = "", fragment] = target.split("#", 2)
  const at = address.indexOf("?")
  const pairs = at < 0 ? [] : address.slice(at + 1, at + 1 + MAX_FIELD).split("&")
  const shown = pairs.map((pair) => (KNOWN.has(pair.split("=", 1)[0] ?? "") ? pair.replace(/;.*/s, ";***") : "***"))
  return (at < 0 ? "" : `?${shown.join("&")}`) + (fragment === undefined ? "" : "#***")
}
