import { OnwardError } from "../errors.ts"
import type { Sink } from "../sink.ts"
import { TimerWheel } from "../timer-wheel.ts"
import type { Selection } from "./audience.ts"
import { watchWallClock } from "./clock-step.ts"
import { comment } from "./control.ts"
import type { CursorHow } from "./cursor-options.ts"
import { Cursor, type CursorOwner } from "./cursor.ts"
import type { HubContext } from "./hub-context.ts"
import { Keys } from "./keys.ts"
import type { CloseReason } from "./observation.ts"
import type { LocalPresence } from "./presence/local.ts"
import type { ResolvedStart } from "./resolve-start.ts"
import type { StartPoint, UnknownId } from "./start-point.ts"

/** How one stream is opened. */
export interface OpenOptions extends CursorHow {
  readonly start: StartPoint | ResolvedStart
  readonly unknownId: UnknownId
}

/** The streams that are open in this process: admits, opens, counts and ends them. */
export class Connections implements CursorOwner {
  readonly context: HubContext
  readonly #localPresence: LocalPresence | undefined
  readonly #wheel: TimerWheel<Cursor>
  readonly #keys: Keys
  readonly #signals = new Map<AbortSignal, SignalGroup>()
  #refusal: OnwardError | undefined
  #lastId = 0

  /** @param localPresence undefined when presence is disabled */
  constructor(context: HubContext, localPresence: LocalPresence | undefined) {
    this.context = context
    this.#localPresence = localPresence
    this.#keys = new Keys(context.limits)
    this.#wheel = new TimerWheel(context.clock, { onTick: watchWallClock(context.clock, context.onError) })
  }

  get size(): number {
    return this.#wheel.size
  }

  cursors(): IterableIterator<Cursor> {
    return this.#wheel.members()
  }

  /** From now on, new streams are refused with `error`. */
  refuse(error: OnwardError): void {
    this.#refusal = error
  }

  /** Throws when one more stream exceeds a limit, or when new streams are refused. */
  admit(selection: Selection, limitKey: string | undefined): void {
    if (this.#refusal) throw this.#refusal
    const { fanOut, limits } = this.context
    fanOut.admit(selection)
    if (this.size >= limits.connections) {
      throw new OnwardError(
        "too_many_connections",
        `Connection limit reached (limits.connections = ${limits.connections}). Retry later or raise the limit.`,
      )
    }
    if (limitKey !== undefined) this.#keys.admit(limitKey, keysOf(selection))
  }

  open(selection: Selection, sink: Sink, options: OpenOptions): void {
    const { limitKey, signal, userId } = options
    // admitted just before the hub began to close
    if (this.#refusal || signal?.aborted) return sink.close()
    const audience = this.context.fanOut.enter(selection)
    const cursor = new Cursor(this.context, this, { id: ++this.#lastId, audience, sink, how: options })
    this.#wheel.add(cursor, cursor.firstBeat)
    if (limitKey !== undefined) this.#keys.enter(limitKey, keysOf(selection))
    if (signal) this.#group(signal).cursors.add(cursor)
    this.#localPresence?.enter(selection.topics, userId)
    this.#reportOpened(cursor)
    cursor.start(options.start, options.unknownId)
  }

  #reportOpened(cursor: Cursor): void {
    const { observe } = this.context
    if (!observe) return
    const { audience, userId, limitKey } = cursor
    const { topics, patterns } = audience
    observe({ type: "opened", ...cursor.observed, topics, patterns, userId, limitKey })
  }

  onOver(cursor: Cursor): void {
    const { limitKey, signal, userId, audience } = cursor
    this.#wheel.delete(cursor)
    this.context.fanOut.leave(audience)
    this.#localPresence?.leave(audience.topics, userId)
    if (limitKey !== undefined) this.#keys.leave(limitKey, keysOf(audience))
    if (signal) this.#signals.get(signal)?.leave(cursor)
  }

  #group(signal: AbortSignal): SignalGroup {
    let group = this.#signals.get(signal)
    if (!group) {
      group = new SignalGroup(signal, {
        onAbort: (cursors) => void this.end(cursors, reasonOf(signal)),
        onEmpty: () => this.#signals.delete(signal),
      })
      this.#signals.set(signal, group)
    }
    return group
  }

  /** The stream with this id; undefined if it is not open. */
  find(id: string): Cursor | undefined {
    for (const cursor of this.cursors()) if (String(cursor.id) === id) return cursor
    return undefined
  }

  /** Ends streams, over as many turns as it takes. */
  async end(cursors: Iterable<Cursor>, reason: CloseReason): Promise<void> {
    const { turns } = this.context
    for (const cursor of [...cursors]) {
      if (turns.isOver) await turns.next()
      cursor.end(reason, comment)
    }
  }

  /** The log fails with an error of the program: ends all streams, and refuses new ones. */
  giveUp(cause: unknown): void {
    this.refuse(
      new OnwardError(
        "log_unavailable",
        "The log of this hub fails with a programming error, which onError received.",
        { cause },
      ),
    )
    this.context.onError(cause)
    void this.end(this.cursors(), "error")
  }

  /** Ends all streams over `duration` ms, at even steps; each client gets another reconnection time. Resolves when none is open. */
  async drain(duration: number): Promise<void> {
    const { clock, turns } = this.context
    const cursors = [...this.cursors()]
    const startedAt = clock.monotonic()
    const letGo = clock.hold()
    for (let ended = 0; this.size > 0;) {
      const share = duration > 0 ? Math.min(1, (clock.monotonic() - startedAt) / duration) : 1
      for (const due = Math.floor(cursors.length * share); ended < due; ended++) {
        if (turns.isOver) await turns.next()
        cursors[ended]?.sendAway("drain")
      }
      if (this.size > 0) await new Promise<void>((resolve) => clock.after(50, resolve))
    }
    letGo()
  }
}

/** A program that ends streams for reasons of its own names them by the reason of its signal. */
const reasonOf = ({ reason }: AbortSignal): CloseReason => (typeof reason === "string" ? reason : "aborted")

/** The patterns and matchers of a stream. */
const keysOf = ({ selectors }: Pick<Selection, "selectors">): string[] => selectors.map(({ key }) => key)

/** The streams that end with one signal. They share one listener, which is removed with the last of them. */
class SignalGroup {
  readonly cursors: Set<Cursor> = new Set()
  readonly #signal: AbortSignal
  readonly #onAbort: (cursors: Iterable<Cursor>) => void
  readonly #onEmpty: () => void

  constructor(
    signal: AbortSignal,
    { onAbort, onEmpty }: { readonly onAbort: (cursors: Iterable<Cursor>) => void; readonly onEmpty: () => void },
  ) {
    this.#signal = signal
    this.#onAbort = onAbort
    this.#onEmpty = onEmpty
    signal.addEventListener("abort", this.#listener)
  }

  leave(cursor: Cursor): void {
    this.cursors.delete(cursor)
    if (this.cursors.size > 0) return
    this.#signal.removeEventListener("abort", this.#listener)
    this.#onEmpty()
  }

  readonly #listener = (): void => this.#onAbort(this.cursors)
}
