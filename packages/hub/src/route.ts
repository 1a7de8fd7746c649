import type { IncomingMessage, ServerResponse } from "node:http"
import type { Principal } from "./auth/principal.ts"

/** Handles one path. What it throws becomes an error response. */
export interface Route {
  readonly methods: readonly string[]
  /** Whether it is answered without authentication. @default false */
  readonly isOpen?: boolean
  /** Whether its errors are one line of text instead of JSON. @default false */
  readonly isPlain?: boolean
  /** What the access log shows instead of the path. @default the path */
  readonly shown?: string
  /** @param principal the authenticated caller; undefined for a hub without authentication, where everything is allowed */
  answer(req: IncomingMessage, res: ServerResponse, url: URL, principal?: Principal): void | Promise<void>
}

export const READ: readonly string[] = ["GET", "HEAD"]
/** Streams: `QUERY` (RFC 10008) is a `GET` that may have a body. */
export const STREAM: readonly string[] = [...READ, "QUERY"]
export const WRITE: readonly string[] = ["POST"]
