import type { Clock } from "../clock.ts"
import { isAbort } from "./aborted.ts"
import { checkStream } from "./check-source.ts"
import { isSubscription, type Subscription } from "../hub/index.ts"
import type { WireMessage } from "../protocol/index.ts"
import type { StreamRequest } from "./request.ts"

/** What a source of your own may yield: a message, or its data alone. */
export type SourceItem = string | WireMessage

/** What a source function is given. */
export interface SourceContext {
  /** The SSE id the client saw last, when it comes back. Hostile input: it proves nothing. */
  readonly lastEventId: string | undefined
  /** Aborted once, when the stream is over, however it ended. */
  readonly signal: AbortSignal
}

export type SourceStream = AsyncIterable<SourceItem> | ReadableStream<SourceItem>

/** Makes the stream for one request; nothing (or null) says there is nothing to stream: 204, at which an EventSource stops. */
export type SourceFunction = (
  context: SourceContext,
) => SourceStream | null | undefined | Promise<SourceStream | null | undefined>

/** Where a stream's events come from: a hub, or anything of your own that yields. */
export type Source = Subscription | SourceStream | SourceFunction

/** A source of one's own that runs. */
export interface Opened {
  readonly iterator: AsyncIterator<SourceItem>
  /** Its first result, asked for already: an error at once is still in time for a proper status. */
  readonly first: Promise<IteratorResult<SourceItem>>
  /** Ends what the source function began. */
  readonly controller: AbortController | undefined
  /** What the source may fail with because its stream is over: the reason of its signal, and of the request's. */
  readonly reasons: () => readonly unknown[]
}

/**
 * Starts a source, and fires its signal should the client leave meanwhile. Undefined when there is nothing to stream, or nobody to
 * stream it to. Throws what the source throws within the first turn.
 */
export async function openSource(
  source: SourceStream | SourceFunction,
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
  // the request's own signal is a source's too, where there is one
  const reasons = (): readonly unknown[] =>
    [controller?.signal, request.signal].flatMap((signal) => (signal?.aborted ? [signal.reason] : []))
  try {
    const stream =
      typeof source === "function"
        ? await source({ lastEventId, signal: (controller as AbortController).signal })
        : source
    if (stream === null || stream === undefined) return undefined
    checkStream(stream)
    if (hasLeft) return discard(stream)
    const opened = { iterator: iterate(stream), controller, reasons }
    const first = opened.iterator.next()
    await firstTurn(first, clock)
    if (!hasLeft) return { ...opened, first }
    close(opened)
  } catch (error) {
    controller?.abort(streamIsOver())
    // nobody is left to be told, and that is all that is wrong
    if (hasLeft && isAbort(error, reasons())) return undefined
    throw error
  } finally {
    stopWatching()
  }
  return undefined
}

/** Waits until the turn is over; throws if `first` fails within it. */
async function firstTurn(first: Promise<unknown>, clock: Clock): Promise<void> {
  const isOver = new Promise<void>((resolve) => clock.turn(resolve))
  await Promise.race([first, isOver])
}

/** Ends a running source; `onError` gets what it throws in doing so. Not awaited: a generator returns at its next yield. */
export function close(
  { iterator, controller, reasons }: Omit<Opened, "first">,
  onError: (error: unknown) => void = () => {},
): void {
  controller?.abort(streamIsOver())
  end(iterator).catch((error: unknown) => {
    if (!isAbort(error, reasons())) onError(error)
  })
}

/** Rejects with whatever goes wrong: an iterator written by hand may throw at once, or return nothing. */
async function end(iterator: AsyncIterator<unknown>): Promise<void> {
  await iterator.return?.()
}

export const streamIsOver = (): DOMException => new DOMException("The stream is over.", "AbortError")

/** Disposes of a source that is not used after all. A function was never called, so it holds nothing. */
export function discard(source: Source): undefined {
  if (typeof source === "function" || isSubscription(source)) return
  if ("cancel" in source) source.cancel().catch(() => {})
  else end(source[Symbol.asyncIterator]()).catch(() => {})
}

/** Not every runtime can iterate a ReadableStream. */
function iterate(stream: SourceStream): AsyncIterator<SourceItem> {
  if (!("getReader" in stream)) return stream[Symbol.asyncIterator]()
  const reader = stream.getReader()
  return {
    next: () => reader.read() as Promise<IteratorResult<SourceItem>>,
    async return() {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}
