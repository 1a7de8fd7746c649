import type { IncomingMessage, ServerResponse } from "node:http"
import { HttpError } from "../http-error.ts"
import type { Body } from "./upstream.ts"

/** The body of a request that is passed on as it comes. */
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
    // paused by the provider, which does not take more
    const isWaiting = req.isPaused()
    if (req.complete) clearInterval(timer)
    else if (bytesRead === seen && !isWaiting) {
      clearInterval(timer)
      onLate(
        new HttpError(
          408,
          "upload_timeout",
          "The body paused for too long. Send it without long pauses, or raise --upstream-upload-timeout.",
        ),
      )
    }
    seen = bytesRead
  }, ms).unref()
  const stop = (): void => clearInterval(timer)
  // a request that nothing reads any more need not close with its connection
  req.once("close", stop)
  req.socket.once("close", stop)
}
