import type { IncomingMessage, ServerResponse } from "node:http"

/** Answers one path; `methods` are those it allows. What it throws is answered for it. */
export interface Route {
  readonly methods: readonly string[]
  answer(req: IncomingMessage, res: ServerResponse, url: URL): void | Promise<void>
}

export const READ: readonly string[] = ["GET", "HEAD"]
/** Streams: `QUERY` (RFC 10008) is a `GET` that may have a body. */
export const STREAM: readonly string[] = [...READ, "QUERY"]
export const WRITE: readonly string[] = ["POST"]
