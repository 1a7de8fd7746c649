import type { IncomingMessage, ServerResponse } from "node:http"
import { hasAdvice } from "./limits.ts"
import { toHttpError } from "./http-error.ts"

/** Headers of every response: no type is guessed, and other sites get neither the response nor the URL. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
}

/** Time in which a refused client can finish sending, in ms. If the connection closed at once, the client would not see the response. */
const LINGER_MS = 1_000

export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  res.writeHead(status, jsonHead(headers)).end(`${JSON.stringify(body)}\n`)
}

/** Statuses of refusals that are reported to the operator: of clients that are too slow or send too much. */
const REFUSALS = new Set([408, 429, 431])

/** Responds with an error as `{"error":{"code","message"}}`. Calls `onError` for server errors, and for refusals by a limit. */
export function sendProblem(
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
  onError: (error: unknown) => void,
): void {
  const { status, code, message, headers } = toHttpError(error)
  if (status >= 500 || REFUSALS.has(status) || hasAdvice(code)) onError(error)
  if (res.headersSent) return void res.destroy()
  const problem = { error: { code, message } }
  if (req.complete || req.destroyed) return sendJson(res, status, problem, headers)
  // the body is incomplete: respond now, discard the rest for a moment, then close
  const text = `${JSON.stringify(problem)}\n`
  const length = String(Buffer.byteLength(text))
  res
    .writeHead(
      status,
      jsonHead({ ...headers, ...(req.httpVersionMajor === 1 && { connection: "close" }), "content-length": length }),
    )
    .write(text)
  linger(req, () => void res.end())
}

/** Discards the rest of a request for a moment, then calls `end`, so that the client can read its response. */
export function linger(req: IncomingMessage, end: () => void): void {
  const timer = setTimeout(end, LINGER_MS)
  req.once("close", () => clearTimeout(timer))
  req.once("end", end).resume()
}

const jsonHead = (headers: Readonly<Record<string, string>>): Record<string, string> => ({
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  ...SECURITY_HEADERS,
  ...headers,
})
