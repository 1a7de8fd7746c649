import type { IncomingMessage, ServerResponse } from "node:http"
import { encode } from "onward/protocol"
import { toHttpError } from "./http-error.ts"
import { SECURITY_HEADERS } from "./respond.ts"

/** Reconnect delay of a refused client, in ms: random, so that refused clients do not all reconnect together. */
const RETRY_MS = { least: 5_000, most: 30_000 }

/** Whether this client would never retry after this error: an `EventSource` stops at any status except 200 (HTML, section 9.2.3). */
export function isSoft({ method, headers }: IncomingMessage, error: unknown): boolean {
  if (method !== "GET" || !/\btext\/event-stream\b/i.test(headers.accept ?? "")) return false
  const { status } = toHttpError(error)
  return status === 429 || status === 503
}

/** Refuses a stream with an empty one, after which an `EventSource` waits and retries. */
export function refuseSoftly(res: ServerResponse, error: unknown): void {
  const retry = Math.round(RETRY_MS.least + Math.random() * (RETRY_MS.most - RETRY_MS.least))
  res.writeHead(200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store, no-transform",
    "x-accel-buffering": "no",
    ...SECURITY_HEADERS,
  })
  res.end(`: refused: ${toHttpError(error).code}\n${encode({ retry })}`)
}
