import type { Clock } from "../clock.ts"
import type { Frame } from "../frame.ts"
import { CHECKPOINT, encode } from "../protocol/index.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { queryOf, type StreamRequest } from "./request.ts"

/** Whether a request asks for long polling, for networks that forward only complete responses: `transport=poll` in its query. */
export const wantsPoll = (request: StreamRequest): boolean =>
  request.method === "GET" && queryOf(request).get("transport") === "poll"

/** Whether a text contains an event. Heartbeats, comments and checkpoints are not events; a checkpoint is always written alone. */
export const hasEvent = (text: string): boolean => /^data:/m.test(text) && !text.startsWith(`event: ${CHECKPOINT}\n`)

/** Ends a response whose last text is a comment: by the blank line the client knows that the response is complete. */
const complete = encode({ event: CHECKPOINT, data: {} })

/**
 * One response of long polling. It ends after the first events, without `stream.end`, and the next request resumes after the last id like any
 * reconnect. A response without events ends with the first heartbeat, so that the client's id advances.
 */
export class PollSink implements Sink {
  readonly #inner: Sink
  readonly #clock: Clock
  /** From then on each write is the last. A checkpoint before it only tells where the stream began. */
  readonly #quietUntil: number
  #isOver = false
  #isClosed = false
  /** Whether the last write ends with a blank line. */
  #isComplete = false

  constructor(inner: Sink, clock: Clock, heartbeat: number) {
    this.#inner = inner
    this.#clock = clock
    this.#quietUntil = clock.monotonic() + heartbeat / 2
  }

  get owner(): SinkOwner | undefined {
    return this.#inner.owner
  }

  set owner(owner: SinkOwner | undefined) {
    this.#inner.owner = owner
  }

  write(frame: Frame, audience?: object): boolean {
    const hasRoom = this.#inner.write(frame, audience)
    this.#wrote(frame.text)
    return hasRoom
  }

  writeText(text: string): boolean {
    const hasRoom = this.#inner.writeText(text)
    this.#wrote(text)
    return hasRoom
  }

  close(options?: { readonly abort?: boolean }): void {
    this.#isClosed = true
    this.#inner.close(options)
  }

  #wrote(text: string): void {
    this.#isComplete = text.endsWith("\n\n")
    if (this.#isOver || (this.#clock.monotonic() < this.#quietUntil && !hasEvent(text))) return
    this.#isOver = true
    // includes events of the same turn
    this.#clock.turn(() => {
      if (this.#isClosed) return
      this.owner?.onClose(true)
      if (!this.#isComplete) this.#inner.writeText(complete)
      this.#inner.close()
    })
  }
}
