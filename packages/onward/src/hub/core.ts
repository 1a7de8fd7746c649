import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import type { Frame } from "../frame.ts"
import type { Log } from "../log/index.ts"
import type { Sink } from "../sink.ts"
import { turnsOf, type Turns } from "../turns.ts"
import { TimerWheel } from "../timer-wheel.ts"
import type { LocalPresence } from "./presence/local.ts"
import type { Selection } from "./audience.ts"
import { watchWallClock } from "./clock-step.ts"
import { comment } from "./control.ts"
import type { Context, Member } from "./context.ts"
import { Cursor } from "./cursor.ts"
import { FanOut } from "./fan-out.ts"
import { Keys } from "./keys.ts"
import type { Limits } from "./limits.ts"
import { LookBacks } from "./look-backs.ts"
import type { StartPoint } from "./start-point.ts"
import { Tail } from "./tail.ts"
import { TailListeners } from "./tail-listeners.ts"
import { Window, type WindowOptions } from "./window.ts"

const RETRY_MS = 1_000

export interface CoreOptions {
  readonly log: Log
  readonly clock: Clock
  readonly limits: Limits
  readonly window: WindowOptions
  readonly heartbeat: number
  readonly stallTimeout: number
  readonly maxStreamAge: number
  /** Counts who is here, if anybody wants to know. */
  readonly localPresence: LocalPresence | undefined
  readonly onError: (error: unknown) => void
}

/** How one stream is opened. */
export interface OpenOptions {
  readonly start: StartPoint
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
}

/** What the parts of a hub share: the log with its tail and window, the fan-out, and who is connected. */
export class Core implements Context {
  readonly log: Log
  readonly clock: Clock
  readonly turns: Turns
  readonly lookBacks: LookBacks = new LookBacks()
  readonly limits: Limits
  readonly window: Window
  readonly heartbeat: number
  readonly stallTimeout: number
  readonly maxStreamAge: number
  readonly localPresence: LocalPresence | undefined
  readonly onError: (error: unknown) => void
  readonly fanOut: FanOut
  readonly tailListeners: TailListeners = new TailListeners()
  readonly wheel: TimerWheel
  readonly tail: Tail
  isClosed = false
  #refusal: OnwardError | undefined
  readonly #keys: Keys
  readonly #signals = new Map<AbortSignal, SignalGroup>()
  #hasFailed = false
  #reportedAt = -Infinity
  #reported: unknown

  constructor(options: CoreOptions) {
    this.log = options.log
    this.clock = options.clock
    this.turns = turnsOf(options.clock)
    this.limits = options.limits
    this.#keys = new Keys(options.limits)
    this.heartbeat = options.heartbeat
    this.stallTimeout = options.stallTimeout
    this.maxStreamAge = options.maxStreamAge
    this.localPresence = options.localPresence
    this.onError = options.onError
    this.window = new Window(options.window, "")
    this.fanOut = new FanOut(options.clock, options.limits.patterns)
    this.wheel = new TimerWheel(options.clock, { onTick: watchWallClock(options.clock, options.onError) })
    this.tail = new Tail(this)
  }

  get connections(): number {
    return this.wheel.size
  }

  *cursors(): IterableIterator<Cursor> {
    for (const member of this.wheel.members()) yield member as Cursor
  }

  /** From now on nobody new is let in. */
  refuse(error: OnwardError): void {
    this.#refusal = error
  }

  /** Throws when one more stream is over a limit, or the hub lets nobody in any more. */
  admit(selection: Selection, limitKey: string | undefined): void {
    if (this.#refusal) throw this.#refusal
    this.fanOut.admit(selection)
    if (this.connections >= this.limits.connections) {
      throw new OnwardError(
        "too_many_connections",
        "this process has as many streams open as it may: come back later, or raise limits.connections",
      )
    }
    if (limitKey !== undefined) this.#keys.admit(limitKey, selection.patterns)
  }

  open(selection: Selection, sink: Sink, { start, limitKey, signal, userId }: OpenOptions): void {
    // let in just before the hub began to close
    if (this.#refusal || signal?.aborted) return sink.close()
    const cursor = new Cursor(this, this.fanOut.enter(selection), sink, { limitKey, signal, userId })
    this.wheel.add(cursor, cursor.firstBeat)
    if (limitKey !== undefined) this.#keys.enter(limitKey, selection.patterns)
    if (signal) this.#follow(signal, cursor)
    this.localPresence?.enter(selection.topics, userId)
    cursor.start(start)
  }

  left(member: Member): void {
    const { limitKey, signal, userId, audience } = member
    this.wheel.delete(member as Cursor)
    this.fanOut.leave(audience)
    this.localPresence?.leave(audience.topics, userId)
    if (limitKey !== undefined) this.#keys.leave(limitKey, audience.patterns)
    if (signal) this.#signals.get(signal)?.leave(member as Cursor)
  }

  #follow(signal: AbortSignal, cursor: Cursor): void {
    let group = this.#signals.get(signal)
    if (!group) {
      group = new SignalGroup(signal, {
        end: (cursors) => void this.end(cursors, () => comment),
        onEmpty: () => this.#signals.delete(signal),
      })
      this.#signals.set(signal, group)
    }
    group.cursors.add(cursor)
  }

  /** Ends streams, over as many turns as it takes. */
  async end(cursors: Iterable<Cursor>, last: () => Frame): Promise<void> {
    for (const cursor of [...cursors]) {
      if (this.turns.isOver) await this.turns.next()
      cursor.end(last())
    }
  }

  async retryUntil<T>(question: () => Promise<T>, isOver: () => boolean): Promise<T | undefined> {
    for (;;) {
      if (isOver() || this.#hasFailed) return undefined
      try {
        return await question()
      } catch (error) {
        if (isOver()) return undefined
        if (isMistake(error)) return this.#giveUp(error)
        this.#report(error)
      }
      await new Promise<void>((resolve) => this.clock.after(RETRY_MS * (0.5 + this.clock.random()), resolve))
    }
  }

  /** Whatever was asked would fail again: the streams end, new ones are answered 503, and `onError` is told once. */
  #giveUp(cause: unknown): undefined {
    if (this.#hasFailed) return undefined
    this.#hasFailed = true
    this.refuse(
      new OnwardError(
        "log_unavailable",
        "The log of this hub fails with a programming error, which onError was told.",
        {
          cause,
        },
      ),
    )
    this.onError(cause)
    for (const cursor of [...this.cursors()]) cursor.end(comment)
    return undefined
  }

  /** Thousands of streams share one store's trouble: the same one is reported once in ten seconds. */
  #report(error: unknown): void {
    const kind = error instanceof OnwardError ? error.code : error
    const now = this.clock.monotonic()
    if (kind === this.#reported && now - this.#reportedAt < 10_000) return
    this.#reported = kind
    this.#reportedAt = now
    this.onError(error)
  }
}

/** Errors of a program, not of a store. What `fetch` rejects with is a TypeError too, with a cause. */
const isMistake = (error: unknown): boolean =>
  error instanceof Error && /^(?:Type|Reference|Range|Syntax)Error$/.test(error.name) && error.cause === undefined

/** The streams that end with one signal: one listener, however many they are, and none when there are none. */
class SignalGroup {
  readonly cursors: Set<Cursor> = new Set()
  readonly #signal: AbortSignal
  readonly #onEnd: (cursors: Iterable<Cursor>) => void
  readonly #onEmpty: () => void

  constructor(
    signal: AbortSignal,
    { end, onEmpty }: { readonly end: (cursors: Iterable<Cursor>) => void; readonly onEmpty: () => void },
  ) {
    this.#signal = signal
    this.#onEnd = end
    this.#onEmpty = onEmpty
    signal.addEventListener("abort", this.#end)
  }

  leave(cursor: Cursor): void {
    this.cursors.delete(cursor)
    if (this.cursors.size > 0) return
    this.#signal.removeEventListener("abort", this.#end)
    this.#onEmpty()
  }

  readonly #end = (): void => this.#onEnd(this.cursors)
}
