import type { IncomingMessage, ServerResponse } from "node:http"
import { HttpError } from "./http-error.ts"

export interface BodiesOptions {
  /** Largest body, in bytes: a message of 1 MiB fits however its JSON is escaped, within reason. @default 4 MiB */
  readonly maxBytes?: number
  /** Bytes of all bodies being handled at once. @default 64 MiB */
  readonly totalBytes?: number
}

/** Reads request bodies within limits. */
export interface Bodies {
  /**
   * Reads a body and calls `use` with its text; the body counts until `use` has settled. Throws `HttpError`: 413 as soon as the body is too
   * large, 503 when too many are being handled, 400 when it is no UTF-8.
   */
  read<T>(req: IncomingMessage, res: ServerResponse, use: (text: string) => Promise<T>): Promise<T>
}

export function createBodies({ maxBytes = 4 * 1024 ** 2, totalBytes = 64 * 1024 ** 2 }: BodiesOptions = {}): Bodies {
  let total = 0

  return {
    async read(req, res, use) {
      let held = 0
      const take = (bytes: number): void => {
        held += bytes
        total += bytes
        if (held > maxBytes) {
          throw new HttpError(413, "body_too_large", `The body may have ${maxBytes} bytes at most: send less at once.`)
        }
        if (total > totalBytes) {
          throw new HttpError(503, "busy", "Too many large requests at once: try again.", { "retry-after": "1" })
        }
      }
      try {
        if (Number(req.headers["content-length"] ?? 0) > maxBytes) take(maxBytes + 1)
        if (req.headers.expect !== undefined) res.writeContinue()
        return await use(decode(Buffer.concat(await collect(req, take))))
      } finally {
        total -= held
      }
    },
  }
}

/** By events, because leaving a `for await` early would destroy the connection before it is answered. */
function collect(req: IncomingMessage, take: (bytes: number) => void): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const onData = (chunk: Buffer): void => {
      try {
        take(chunk.length)
        chunks.push(chunk)
      } catch (error) {
        req.pause().off("data", onData)
        reject(error)
      }
    }
    req.on("data", onData)
    req.once("end", () => resolve(chunks))
    req.once("close", () => reject(new HttpError(400, "incomplete_body", "The body ended early.")))
  })
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
  } catch {
    throw new HttpError(400, "invalid_body", "The body is not valid UTF-8.")
  }
}
