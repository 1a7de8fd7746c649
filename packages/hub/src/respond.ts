import type { IncomingMessage, ServerResponse } from "node:http"
import { hasAdvice } from "./limits.ts"
import { toHttpError } from "./http-error.ts"

/** On every answer: nothing is guessed, stored, framed or handed to other sites. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
}

/** How long a refused client may go on sending, in ms: closed at once, it would see a reset instead of the answer. */
const LINGER_MS = 1_000

export function sendJson(
  res: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  res.writeHead(status, jsonHead(headers)).end(`${JSON.stringify(body)}\n`)
}

/** Statuses of refusals that an operator wants to know of: a client that is too slow or too greedy. */
const REFUSALS = new Set([408, 429, 431])

/** Answers with an error as `{"error":{"code","message"}}`. Tells `onError` of faults of the server, and of refusals for want of room. */
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
  // the body is still on its way: answer now, drop the rest for a moment, then close
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

/** Drops what is left of a request, for a moment, and then calls `end`: the client gets to read its answer. */
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
