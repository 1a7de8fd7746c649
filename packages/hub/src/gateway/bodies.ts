import type { IncomingMessage, ServerResponse } from "node:http"
import { HttpError } from "../http-error.ts"
import type { Body } from "./upstream.ts"

/** The body of a request that is streamed to the provider. */
export function streamed(req: IncomingMessage, res: ServerResponse): Body {
  const { "content-length": length, expect } = req.headers
  if (expect !== undefined) res.writeContinue()
  return { req, length: length === undefined ? undefined : Number(length) }
}

/** Calls `onLate` when a client pauses within the body of its request for longer than `ms`. */
export function guardUpload(req: IncomingMessage, ms: number, onLate: (error: HttpError) => void): void {
  let seen = req.socket.bytesRead
  const timer = setInterval(() => {
    const { bytesRead } = req.socket
    // the provider accepts no more bytes
    const isWaiting = req.isPaused()
    if (req.complete) clearInterval(timer)
    else if (bytesRead === seen && !isWaiting) {
      clearInterval(timer)
      onLate(
        new HttpError(
          408,
          "upload_timeout",
          `No byte of the body arrived for ${ms} ms. Send it without pauses, or raise --upstream-upload-timeout.`,
        ),
      )
    }
    seen = bytesRead
  }, ms).unref()
  const stop = (): void => clearInterval(timer)
  // a request that is no longer read does not always close with its connection
  req.once("close", stop)
  req.socket.once("close", stop)
}
