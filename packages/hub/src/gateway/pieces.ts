import type { Readable } from "node:stream"
import { cutOf } from "./decoded.ts"

const CLOSED = new Error("The body was closed before its end.")

/** Maximum number of bytes buffered for a slow reader. */
const MAX_HELD = 262_144

/**
 * Yields the chunks of a body, including all that arrived before it was cut: a Node stream drops its buffer when the connection is lost, and the
 * last event in it can be the one that completes an answer. So it reads the body from the start, before the first chunk is requested.
 */
export function piecesOf(body: Readable): AsyncGenerator<Uint8Array> {
  let pieces: Buffer[] = []
  let held = 0
  let failure: Error | undefined
  let isOver = false
  let changed = Promise.withResolvers<void>()

  function stop(error?: Error): void {
    failure ??= error
    isOver = true
    changed.resolve()
  }

  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const taken = pieces
        pieces = []
        held = 0
        if (body.isPaused()) body.resume()
        yield* taken
        if (pieces.length > 0) continue
        if (isOver) break
        changed = Promise.withResolvers()
        await changed.promise
      }
      if (failure) throw failure
    } finally {
      body.destroy()
    }
  }

  body.on("data", (piece: Buffer) => {
    pieces.push(piece)
    held += piece.length
    if (held >= MAX_HELD) body.pause()
    changed.resolve()
  })
  body.once("error", stop)
  body.once("end", () => stop(cutOf(body)))
  body.once("close", () => stop(isOver ? undefined : CLOSED))
  // it can have failed before this call
  if (body.errored) stop(body.errored)
  else if (body.readableEnded || body.destroyed) stop(cutOf(body) ?? (body.readableEnded ? undefined : CLOSED))
  return all()
}
