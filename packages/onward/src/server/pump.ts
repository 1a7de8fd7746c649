import type { Clock } from "../clock.ts"
import { END_ID, idFaultOf } from "../event-id.ts"
import { OnwardError } from "../errors.ts"
import { comment, end } from "../hub/index.ts"
import { kindOf } from "../kind.ts"
import { encode } from "../protocol/index.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { turnsOf, type Turns } from "../turns.ts"
import { quietEnough, TimerWheel, type Beating } from "../timer-wheel.ts"
import { isAbort } from "./aborted.ts"
import { closeSource, streamIsOver, type Opened } from "./open-source.ts"
import type { SourceItem } from "./source.ts"

export interface PumpOptions {
  readonly onError: (error: unknown) => void
  readonly heartbeat: number
  readonly stallTimeout: number
  readonly end: boolean
  readonly signal: AbortSignal | undefined
  readonly clock: Clock
}

/** Clients do not see the error; `onError` gets it. */
const failed = encode({ event: "stream.error", data: { code: "source_failed" } })
/** One timer wheel per clock, garbage-collected with it. */
const wheels = new WeakMap<Clock, TimerWheel>()

function wheelOf(clock: Clock): TimerWheel {
  let wheel = wheels.get(clock)
  if (!wheel) wheels.set(clock, (wheel = new TimerWheel(clock)))
  return wheel
}

/** Writes a custom source to a sink as fast as the client reads, and cleans up once, for each kind of end. */
export class Pump implements SinkOwner, Beating {
  slot = 0
  readonly #sink: Sink
  readonly #source: Opened
  readonly #options: PumpOptions
  #isOver = false
  #isAsking = false
  #isDone = false
  readonly #wheel: TimerWheel
  readonly #turns: Turns
  #wroteAt: number
  #resume: (() => void) | undefined

  constructor(sink: Sink, source: Opened, options: PumpOptions) {
    this.#sink = sink
    this.#source = source
    this.#options = options
    this.#wheel = wheelOf(options.clock)
    this.#turns = turnsOf(options.clock)
    this.#wroteAt = options.clock.monotonic()
    sink.owner = this
    this.#wheel.add(this, Math.min(options.heartbeat, options.stallTimeout))
    options.signal?.addEventListener("abort", this.#interrupted)
  }

  async run(): Promise<void> {
    if (this.#options.signal?.aborted) this.#interrupted()
    let last = this.#options.end ? end.text : ""
    let failure: { readonly error: unknown } | undefined
    try {
      await this.#pump()
    } catch (error) {
      // a source whose `next` failed is done; a source that yielded an invalid value must be returned
      this.#isDone = this.#isAsking
      failure = { error }
      last = failed
    }
    // a source that throws because its stream is over has not failed
    const isStopped = this.#isOver && failure && isAbort(failure.error, this.#source.reasons())
    if (!this.#isOver) {
      if (last !== "") this.#write(last)
      this.onClose()
      this.#sink.close()
    }
    if (failure && !isStopped) this.#options.onError(failure.error)
  }

  async #pump(): Promise<void> {
    const { iterator, first } = this.#source
    let next = first
    while (!this.#isOver) {
      this.#isAsking = true
      const result = await next
      this.#isAsking = false
      if (result.done) {
        this.#isDone = true
        return
      }
      if (this.#isOver) return
      if (!this.#write(textOf(result.value))) await this.#room()
      // a source that never waits must not block the event loop until a client is full
      if (this.#turns.isOver) await this.#turns.next()
      if (!this.#isOver) next = iterator.next()
    }
  }

  onDrain(): void {
    this.#resume?.()
    this.#resume = undefined
  }

  onClose(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#wheel.delete(this)
    this.#options.signal?.removeEventListener("abort", this.#interrupted)
    if (this.#isDone) this.#source.controller?.abort(streamIsOver())
    else closeSource(this.#source, this.#options.onError)
  }

  beat(now: number): number {
    const { heartbeat, stallTimeout } = this.#options
    const silence = now - this.#wroteAt
    if (this.#resume) {
      if (silence >= stallTimeout) this.#giveUp()
      return stallTimeout - silence
    }
    if (silence < quietEnough(heartbeat)) return Math.min(heartbeat - silence, stallTimeout)
    this.#write(comment.text)
    // soon enough to notice that the sink is full
    return Math.min(heartbeat, stallTimeout)
  }

  /** Closes without an end or an error, so that the client reconnects. */
  readonly #interrupted = (): void => {
    this.onClose()
    this.#sink.close()
  }

  /** Disconnects a client that has read nothing for too long. */
  #giveUp(): void {
    this.onClose()
    this.#sink.close({ abort: true })
  }

  #write(text: string): boolean {
    this.#wroteAt = this.#options.clock.monotonic()
    return this.#sink.writeText(text)
  }

  /** Not resolved when the stream ends meanwhile: then nothing is left to do. */
  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
    })
  }
}

function textOf(value: SourceItem): string {
  if (typeof value === "string") return encode({ data: value })
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) {
    throw new TypeError(
      `A source must yield strings or messages like { data, event, id }, not ${kindOf(value)}. Yield for instance { data: value }.`,
    )
  }
  const { id } = value
  // "" resets the last id
  if (id !== undefined && id !== "") checkId(id)
  return encode(value)
}

/** Any id is allowed that clients can send back. `stream.end` is not, because clients do not reconnect after it. */
function checkId(id: string): void {
  const fault = id === END_ID ? "means that the stream is over, so no client reconnects after it" : idFaultOf(id)
  if (fault !== undefined)
    throw new OnwardError("invalid_message", `The \`id\` that a source yielded ${fault}. Yield another id.`)
}
