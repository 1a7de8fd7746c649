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

/** What went wrong stays here: `onError` has it. */
const failed = encode({ event: "stream.error", data: { code: "source_failed" } })
/** One for all that share a clock; a clock that is gone takes its wheel along. */
const wheels = new WeakMap<Clock, TimerWheel>()

function wheelOf(clock: Clock): TimerWheel {
  let wheel = wheels.get(clock)
  if (!wheel) wheels.set(clock, (wheel = new TimerWheel(clock)))
  return wheel
}

/** Moves one source of one's own into one sink, as fast as the client takes it, and cleans up once however it ends. */
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
      // a source whose `next` has failed is done; one that yielded what cannot be sent still wants to be returned
      this.#isDone = this.#isAsking
      failure = { error }
      last = failed
    }
    // a source that stops because its stream is over has not failed
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
      // a source that never waits must not hold the event loop until a client is full
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
    this.onDrain()
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
    // a sink that fills up meanwhile is seen in time
    return Math.min(heartbeat, stallTimeout)
  }

  /** Neither an end nor an error: whoever reads is to come back. */
  readonly #interrupted = (): void => {
    if (this.#isOver) return
    this.onClose()
    this.#sink.close()
  }

  /** The client has taken nothing for too long. */
  #giveUp(): void {
    this.onClose()
    this.#sink.close({ abort: true })
  }

  #write(text: string): boolean {
    this.#wroteAt = this.#options.clock.monotonic()
    return this.#sink.writeText(text)
  }

  #room(): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
    })
  }
}

function textOf(value: SourceItem): string {
  if (typeof value === "string") return encode({ data: value })
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) {
    throw new TypeError(`A source must yield strings or messages like { data, event, id }, not ${kindOf(value)}.`)
  }
  const { id } = value
  // "" takes the last id back
  if (id !== undefined && id !== "") checkId(id)
  return encode(value)
}

/** Positions and `earliest` mean to a source what the source makes of them; `stream.end` never comes back to it. */
function checkId(id: string): void {
  const fault = id === END_ID ? "means that the stream is over, and no client comes back after it" : idFaultOf(id)
  if (fault !== undefined)
    throw new OnwardError("invalid_message", `The \`id\` that a source yielded ${fault}. Yield another id.`)
}
