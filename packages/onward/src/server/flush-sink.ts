import type { Clock } from "../clock.ts"
import type { Frame } from "../frame.ts"
import { encodeComment } from "../protocol/index.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { hasEvent } from "./poll.ts"

const flush = encodeComment("")

/**
 * Writes a comment after an event when nothing follows it for a while, because some scanners and clients release an event only when more
 * bytes follow. A connection has one timer while events arrive, and no timer otherwise.
 */
export class FlushSink implements Sink, SinkOwner {
  owner: SinkOwner | undefined
  readonly #inner: Sink
  readonly #clock: Clock
  readonly #delay: number
  /** When the last event without a comment after it was written. */
  #since: number | undefined
  #stop: (() => void) | undefined

  constructor(inner: Sink, clock: Clock, delay: number) {
    this.#inner = inner
    this.#clock = clock
    this.#delay = delay
    inner.owner = this
  }

  write(frame: Frame, audience?: object): boolean {
    return this.#wrote(frame.text, this.#inner.write(frame, audience))
  }

  writeText(text: string): boolean {
    return this.#wrote(text, this.#inner.writeText(text))
  }

  close(options?: { readonly abort?: boolean }): void {
    this.#stop?.()
    this.#inner.close(options)
  }

  onDrain(): void {
    this.owner?.onDrain()
  }

  onClose(): void {
    this.#stop?.()
    this.owner?.onClose()
  }

  #wrote(text: string, hasRoom: boolean): boolean {
    // if the sink is full, more bytes will follow
    this.#since = hasRoom && hasEvent(text) ? this.#clock.monotonic() : undefined
    if (this.#since !== undefined) this.#stop ??= this.#clock.after(this.#delay, () => this.#look())
    return hasRoom
  }

  #look(): void {
    this.#stop = undefined
    if (this.#since === undefined) return
    const left = this.#since + this.#delay - this.#clock.monotonic()
    if (left > 0) this.#stop = this.#clock.after(left, () => this.#look())
    else {
      this.#since = undefined
      this.#inner.writeText(flush)
    }
  }
}
