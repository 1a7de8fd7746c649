import type { IncomingMessage, ServerResponse } from "node:http"
import { addressOf } from "./caller.ts"

/** Longest part of an address or a user agent that is written down, in characters. */
export const MAX_FIELD = 500
/** Parameters of the hub's own, safe to write down; everything else in an address may be a secret. */
const KNOWN = new Set(["topic", "since", "last", "last_event_id", "lastEventId"])
const HIDDEN = "/***"

/** A request that is over. */
export interface Visit {
  readonly address: string
  readonly method: string
  /** What was asked for, without what may be secret. */
  readonly target: string
  /** 0 when the client disconnected before its answer began. */
  readonly status: number
  /** In ms. */
  readonly duration: number
  readonly userAgent: string
}

/** Tells of each request once it is over. */
export interface RequestLog {
  /** The path of this request becomes `/***`, unless it is told to be one of the hub's own. */
  watch(req: IncomingMessage, res: ServerResponse): { readonly isKnown: (path: string) => void }
}

/** @param write is told of each request once it is over */
export function createRequestLog(write: (visit: Visit) => void): RequestLog {
  return {
    watch(req, res) {
      const began = performance.now()
      const address = addressOf(req)
      const { url: target = "", method = "" } = req
      let path = HIDDEN
      res.once("close", () => {
        write({
          address,
          method,
          target: path + shownAfter(target),
          status: res.headersSent ? res.statusCode : 0,
          duration: performance.now() - began,
          userAgent: req.headers["user-agent"] ?? "-",
        })
      })
      return {
        isKnown: (known) => {
          path = known
        },
      }
    },
  }
}

/** What is shown of what comes after a path: the hub's own parameters, up to a `;` in them. */
function shownAfter(target: string): string {
  const [address = "", fragment] = target.split("#", 2)
  const at = address.indexOf("?")
  const pairs = at < 0 ? [] : address.slice(at + 1, at + 1 + MAX_FIELD).split("&")
  const shown = pairs.map((pair) => (KNOWN.has(pair.split("=", 1)[0] ?? "") ? pair.replace(/;.*/s, ";***") : "***"))
  return (at < 0 ? "" : `?${shown.join("&")}`) + (fragment === undefined ? "" : "#***")
}
