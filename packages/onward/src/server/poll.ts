import type { Clock } from "../clock.ts"
import type { Frame } from "../frame.ts"
import { CHECKPOINT, encode } from "../protocol/index.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import type { StreamRequest } from "./request.ts"

/** Whether a request wants its stream piece by piece, for a path that hands on only what is complete: `transport=poll` in its query. */
export function wantsPoll({ method, url }: StreamRequest): boolean {
  const at = url.indexOf("?")
  return method === "GET" && at >= 0 && new URLSearchParams(url.slice(at + 1)).get("transport") === "poll"
}

/** Whether it holds an event. Heartbeats, comments and checkpoints are not events; a checkpoint is always a text of its own. */
export const hasEvent = (text: string): boolean => /^data:/m.test(text) && !text.startsWith(`event: ${CHECKPOINT}\n`)

/** Ends a piece whose last text is a comment: its blank line is how the client knows that the piece is complete. */
const complete = encode({ event: CHECKPOINT, data: {} })

/**
 * One piece of a stream: a response that ends, without `stream.end`, once there was something to say. What comes after it is the next
 * request's, which carries on after the last id like any reconnect. A quiet piece ends with the first heartbeat, so that ids move on.
 */
export class PollSink implements Sink {
  readonly #inner: Sink
  readonly #clock: Clock
  /** From then on any write is the last: before, a checkpoint only says where a live stream began. */
  readonly #quietUntil: number
  #isOver = false
  /** Whether what was written last ends with a blank line. */
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
    this.#isOver = true
    this.#inner.close(options)
  }

  #wrote(text: string): void {
    this.#isComplete = text.endsWith("\n\n")
    if (this.#isOver || (this.#clock.monotonic() < this.#quietUntil && !hasEvent(text))) return
    this.#isOver = true
    // what falls into the same turn goes along
    this.#clock.turn(() => {
      this.owner?.onClose()
      if (!this.#isComplete) this.#inner.writeText(complete)
      this.#inner.close()
    })
  }
}
