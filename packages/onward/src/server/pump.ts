import { systemClock } from "../clock.ts"
import { comment, end } from "../hub/index.ts"
import { encode } from "../protocol/index.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { Wheel, type Beating } from "../wheel.ts"
import type { Opened, Yielded } from "./source.ts"

export interface PumpOptions {
  readonly onError: (error: unknown) => void
  readonly heartbeat: number
  readonly end: boolean
}

/** What went wrong stays here: `onError` has it. */
const failed = encode({ event: "stream.error", data: { code: "source_failed" } })
const wheel = new Wheel(systemClock)

/** Moves one source of one's own into one sink, as fast as the client takes it, and cleans up once however it ends. */
export class Pump implements SinkOwner, Beating {
  slot = 0
  readonly #sink: Sink
  readonly #source: Opened
  readonly #options: PumpOptions
  #isOver = false
  #isDone = false
  #wroteAt = systemClock.now()
  #resume: (() => void) | undefined

  constructor(sink: Sink, source: Opened, options: PumpOptions) {
    this.#sink = sink
    this.#source = source
    this.#options = options
    sink.owner = this
    wheel.add(this, options.heartbeat)
  }

  async run(): Promise<void> {
    const { iterator } = this.#source
    try {
      let result = await this.#source.first
      while (!result.done && !this.#isOver) {
        if (!this.#write(textOf(result.value))) await this.#room()
        if (this.#isOver) return
        result = await iterator.next()
      }
      if (this.#isOver) return
      this.#isDone = true
      if (this.#options.end) this.#write(end.text)
    } catch (error) {
      this.#options.onError(error)
      if (this.#isOver) return
      this.#isDone = true
      this.#write(failed)
    }
    this.onClose()
    this.#sink.close()
  }

  onDrain(): void {
    this.#resume?.()
    this.#resume = undefined
  }

  onClose(): void {
    if (this.#isOver) return
    this.#isOver = true
    wheel.delete(this)
    this.onDrain()
    this.#source.controller?.abort()
    // not awaited: a generator returns when it comes to its next yield, which the signal may be needed for
    if (!this.#isDone) this.#source.iterator.return?.().catch(this.#options.onError)
  }

  beat(now: number): number {
    const { heartbeat } = this.#options
    const silence = now - this.#wroteAt
    if (silence < heartbeat * 0.9) return heartbeat - silence
    if (!this.#resume) this.#write(comment.text)
    return heartbeat
  }

  #write(text: string): boolean {
    this.#wroteAt = systemClock.now()
    return this.#sink.writeText(text)
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
    })
  }
}

function textOf(value: Yielded): string {
  if (typeof value === "string") return encode({ data: value })
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) {
    throw new TypeError("a source must yield strings or messages like { data, event, id }")
  }
  return encode(value)
}
