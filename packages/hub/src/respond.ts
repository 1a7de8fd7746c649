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
  res.writeHead(status, { ...JSON_HEAD, ...headers }).end(`${JSON.stringify(body)}\n`)
}

/** Statuses of refusals that are reported to the operator: of clients that are too slow or send too much. */
const REFUSALS = new Set([408, 429, 431])

interface ProblemOptions {
  readonly onError: (error: unknown) => void
  /** Whether the client expects one line of text. @default false: `{"error":{"code","message"}}` */
  readonly isPlain?: boolean
}

/** Responds with an error. Calls `onError` for server errors, and for refusals by a limit. */
export function sendProblem(
  req: IncomingMessage,
  res: ServerResponse,
  error: unknown,
  { onError, isPlain = false }: ProblemOptions,
): void {
  const { status, code, message, headers } = toHttpError(error)
  if (status >= 500 || REFUSALS.has(status) || hasAdvice(code)) onError(error)
  if (res.headersSent) return void res.destroy()
  const text = isPlain ? message : `${JSON.stringify({ error: { code, message } })}\n`
  const head = { ...(isPlain ? PLAIN_HEAD : JSON_HEAD), ...headers }
  if (req.complete || req.destroyed) return void res.writeHead(status, head).end(text)
  // the body is incomplete: respond now, discard the rest for a moment, then close
  const length = String(Buffer.byteLength(text))
  res
    .writeHead(status, {
      ...head,
      ...(req.httpVersionMajor === 1 && { connection: "close" }),
      "content-length": length,
    })
    .write(text)
  linger(req, () => void res.end())
}

/** Discards the rest of a request for a moment, then calls `end`, so that the client can read its response. */
export function linger(req: IncomingMessage, end: () => void): void {
  const timer = setTimeout(end, LINGER_MS)
  req.once("close", () => clearTimeout(timer))
  req.once("end", end).resume()
}

const JSON_HEAD = {
  "content-type": "application/json; charset=utf-8",
  "cache-control": "no-store",
  ...SECURITY_HEADERS,
}
const PLAIN_HEAD = { ...JSON_HEAD, "content-type": "text/plain; charset=utf-8" }
