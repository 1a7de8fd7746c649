import type { Clock } from "../clock.ts"
import { isAbort } from "./aborted.ts"
import { iteratorOf } from "../stream-iterator.ts"
import { checkStream } from "./check-source.ts"
import type { StreamRequest } from "./request.ts"
import type { CustomSource, SourceItem } from "./source.ts"

/** A custom source that has started. */
export interface Opened {
  readonly iterator: AsyncIterator<SourceItem>
  /** The first result, requested already: if the source fails at once, the response can still have an error status. */
  readonly first: Promise<IteratorResult<SourceItem>>
  /** Tells the source function that the stream is over. */
  readonly controller: AbortController | undefined
  /** Errors that only say that the stream is over: the reasons of the source's and of the request's signal. */
  readonly reasons: () => readonly unknown[]
}

/**
 * Starts a source, and aborts its signal if the client disconnects in the meantime. Undefined when there is nothing to stream, or when the
 * client is gone. Throws what the source throws within the first turn.
 */
export async function openSource(
  source: CustomSource,
  lastEventId: string | undefined,
  request: StreamRequest,
  clock: Clock,
): Promise<Opened | undefined> {
  const controller = typeof source === "function" ? new AbortController() : undefined
  let hasLeft = false
  const stopWatching = request.onLeave(() => {
    hasLeft = true
    controller?.abort(streamIsOver())
  })
  // a fetch request has a signal of its own, which the source may use
  const reasons = (): readonly unknown[] =>
    [controller?.signal, request.signal].flatMap((signal) => (signal?.aborted ? [signal.reason] : []))
  try {
    const stream =
      typeof source === "function"
        ? await source({ lastEventId, signal: (controller as AbortController).signal })
        : source
    if (stream === null || stream === undefined) return undefined
    checkStream(stream)
    if (hasLeft) return discardSource(stream)
    const opened = { iterator: iteratorOf(stream), controller, reasons }
    const first = opened.iterator.next()
    await firstTurn(first, clock)
    if (!hasLeft) return { ...opened, first }
    closeSource(opened)
  } catch (error) {
    controller?.abort(streamIsOver())
    // the only fault is that the client disconnected
    if (hasLeft && isAbort(error, reasons())) return undefined
    throw error
  } finally {
    stopWatching()
  }
  return undefined
}

/** Waits until the turn is over. Throws if `first` fails within it. */
async function firstTurn(first: Promise<unknown>, clock: Clock): Promise<void> {
  const isOver = new Promise<void>((resolve) => clock.turn(resolve))
  await Promise.race([first, isOver])
}

/** Ends a running source without waiting for it, because a generator returns only at its next yield. `onError` gets what it throws. */
export function closeSource(
  { iterator, controller, reasons }: Omit<Opened, "first">,
  onError: (error: unknown) => void = () => {},
): void {
  controller?.abort(streamIsOver())
  end(iterator).catch((error: unknown) => {
    if (!isAbort(error, reasons())) onError(error)
  })
}

/** Rejects with any error: a hand-written iterator may throw synchronously, or return nothing. */
async function end(iterator: AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.()
}

export const streamIsOver = (): DOMException => new DOMException("The stream is over.", "AbortError")

/** Disposes of a source that is not used. A function was not called, so it holds nothing. */
export function discardSource(source: CustomSource): undefined {
  if (typeof source === "function") return
  if ("cancel" in source) source.cancel().catch(() => {})
  else end(source[Symbol.asyncIterator]()).catch(() => {})
}
