import type { Readable } from "node:stream"
import { cutOf } from "./decoded.ts"

const CLOSED = new Error("the body was closed before its end")

/** Bytes that are held for a reader that is slower than a provider. */
const MAX_HELD = 262_144

/**
 * The pieces of a body, all that came before it was cut off included: a stream itself drops what it holds when its connection is lost, and
 * the last event before that may be the one that completes an answer. So it is read from the start, before the first piece is asked for.
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
  // it may have failed before anybody read it
  if (body.errored) stop(body.errored)
  else if (body.readableEnded || body.destroyed) stop(cutOf(body) ?? (body.readableEnded ? undefined : CLOSED))
  return all()
}
