import { Frame } from "../frame.ts"
import type { Loss } from "../log/index.ts"
import type { Position } from "../message.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { quietEnough, TICK_MS, type Beating } from "../timer-wheel.ts"
import type { Audience, Listener } from "./audience.ts"
import { reconnectLater, comment, end, gap } from "./control.ts"
import { Follower, type Receiver } from "./follower.ts"
import type { HubContext } from "./hub-context.ts"
import type { KeptEntry } from "./kept-entry.ts"
import { resolveStart } from "./resolve-start.ts"
import type { StartPoint } from "./start-point.ts"

/** Counts the open cursors. */
export interface CursorOwner {
  /** The stream of `cursor` has ended. Called once. */
  onOver(cursor: Cursor): void
}

export interface CursorOptions {
  readonly audience: Audience
  readonly sink: Sink
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
}

/**
 * One connection: a follower's receiver that writes to a sink. Live, the fan-out writes for it. When its sink is full it stops being live,
 * and catches up when there is room: nothing is queued.
 */
export class Cursor implements Listener, SinkOwner, Beating, Receiver {
  slot = 0
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
  readonly audience: Audience
  readonly #context: HubContext
  readonly #owner: CursorOwner
  readonly #sink: Sink
  /** Absent while live: an idle connection needs no position. */
  #follower: Follower | undefined
  #state: "behind" | "live" | "over" = "behind"
  /** The newest position the client received as an id. */
  #shown: Position = ""
  #wroteAt: number
  readonly #endsAt: number

  constructor(context: HubContext, owner: CursorOwner, { audience, sink, limitKey, signal, userId }: CursorOptions) {
    this.#context = context
    this.#owner = owner
    this.audience = audience
    this.#sink = sink
    this.limitKey = limitKey
    this.signal = signal
    this.userId = userId
    this.#wroteAt = context.clock.monotonic()
    this.#endsAt = this.#wroteAt + lifeOf(context.maxStreamAge, context.clock.random())
    sink.owner = this
  }

  get isLive(): boolean {
    return this.#state === "live"
  }

  /** Begins at `start`: at once when the log need not be asked. */
  start(start: StartPoint): void {
    const { tail } = this.#context
    if (start === "live" && tail.isReady) return this.#behind().start({ position: tail.position })
    void this.#find(start)
  }

  async #find(start: StartPoint): Promise<void> {
    const { tail, turns } = this.#context
    const isOver = (): boolean => this.#isOver()
    await tail.ready
    const asked = tail.position
    while (turns.isOver && !isOver()) await turns.next()
    const found = await this.#context.retryUntil(
      () => resolveStart(this.#context, this.audience, start, { asked, isOver }),
      isOver,
    )
    if (!found || isOver()) return
    if (found.isOver) return this.finish()
    const { position, given, isUnknown } = found
    if (given === position) this.#shown = position
    const hasRoom = !isUnknown || this.#write(new Frame(gap("unknown", given ?? "", position)))
    this.#behind().start(isUnknown ? { position } : found, !hasRoom)
  }

  #behind(): Follower {
    this.#state = "behind"
    return (this.#follower ??= new Follower(this.#context, this.audience, this))
  }

  // As the receiver of a follower.

  onEntries(entries: readonly KeptEntry[]): boolean {
    const { until } = this.audience
    const last = until ? entries.findIndex(({ entry }) => until(entry)) : -1
    const wanted = last < 0 ? entries : entries.slice(0, last + 1)
    this.#shown = wanted.at(-1)?.entry.position ?? this.#shown
    const hasRoom = this.#write(new Frame(wanted.reduce((text, kept) => text + kept.text, "")))
    if (last >= 0) this.finish()
    return hasRoom
  }

  onLost({ reason, to }: Loss, from: string): boolean {
    return this.#write(new Frame(gap(reason, from, to)))
  }

  onLive(): void {
    const { fanOut, tail } = this.#context
    this.#follower = undefined
    this.#state = "live"
    fanOut.join(this.audience, this)
    // so that even a client that disconnects before its first event can resume
    if (this.#shown !== tail.position) this.#show(tail.checkpoint)
  }

  onEnd(): void {
    this.end(comment)
  }

  /** Writes a frame after which the client has everything up to the tail. */
  #show(frame: Frame): void {
    const { position } = this.#context.tail
    this.#shown = position
    if (this.#write(frame)) return
    this.audience.live.delete(this)
    this.fallBehind(position)
  }

  // As a listener of the fan-out.

  // the audience is its own; passed, because looking it up would cost each delivery a miss of the cache
  write(frame: Frame, audience: Audience): boolean {
    return this.#sink.write(frame, audience)
  }

  fallBehind(position: Position): void {
    if (this.#isOver()) return
    this.#shown = position
    this.#wroteAt = this.#context.clock.monotonic()
    this.#behind().pauseAt(position)
  }

  catchUp(position: Position): void {
    if (this.#isOver()) return
    this.#behind().catchUp(position)
  }

  finish(): void {
    this.end(end)
  }

  // As the owner of a sink.

  onDrain(): void {
    this.#follower?.resume()
  }

  onClose(): void {
    if (this.#state === "over") return
    this.audience.live.delete(this)
    this.#follower?.stop()
    this.#state = "over"
    this.#owner.onOver(this)
  }

  /** Ends the stream, with a last frame if there is room for one. */
  end(last?: Frame): void {
    // what arrived in this turn comes first
    if (this.isLive) this.#context.fanOut.flush()
    if (this.#isOver()) return
    const abort = this.#isFull
    if (last && !abort) this.#sink.write(last)
    this.onClose()
    this.#sink.close({ abort })
  }

  /** Ends the stream; its client reconnects and resumes exactly here. */
  sendAway(): void {
    const { clock, fanOut, tail } = this.#context
    if (this.isLive) fanOut.flush()
    const position = this.isLive ? tail.position : this.#follower?.position
    this.end(reconnectLater(position || undefined, clock.random()))
  }

  get #isFull(): boolean {
    return this.#state === "behind" && this.#follower?.isFull === true
  }

  // As a member of the wheel.

  /** Until its first visit, in ms: with jitter, so that streams that connect together do not beat together. */
  get firstBeat(): number {
    return this.#nextBeat(this.#wroteAt)
  }

  beat(now: number): number {
    const { heartbeat, stallTimeout } = this.#context
    // the next visit would be too late, and a proxy's own limit does not wait
    if (now > this.#endsAt - TICK_MS) {
      this.sendAway()
      return heartbeat
    }
    const silence = now - (this.isLive ? Math.max(this.#wroteAt, this.audience.wroteAt) : this.#wroteAt)
    if (this.#isFull) {
      if (silence >= stallTimeout) this.end()
      return Math.min(stallTimeout - silence, this.#endsAt - now)
    }
    if (silence < quietEnough(heartbeat)) return Math.min(heartbeat - silence, stallTimeout, this.#endsAt - now)
    if (this.isLive) this.#beatLive()
    else this.#write(comment)
    return this.#nextBeat(now)
  }

  /**
   * The wait from `now` to the earliest deadline. At the latest a `stallTimeout`: a sink that fills up in the meantime is then seen in time,
   * without a visit of its own.
   */
  #nextBeat(now: number): number {
    const { clock, heartbeat, stallTimeout } = this.#context
    return Math.min(heartbeat * (0.9 + clock.random() * 0.1), stallTimeout, this.#endsAt - now)
  }

  /** A checkpoint when the position has moved, else a comment. */
  #beatLive(): void {
    const { fanOut, tail } = this.#context
    // a checkpoint must not overtake entries of this turn
    fanOut.flush()
    if (!this.isLive) return
    const isShown = this.#shown === tail.position || this.audience.shown === tail.position
    this.#show(isShown ? comment : tail.checkpoint)
  }

  #write(frame: Frame): boolean {
    this.#wroteAt = this.#context.clock.monotonic()
    return this.#sink.write(frame)
  }

  #isOver(): boolean {
    return this.#state === "over"
  }
}

/** A stream's own part of `maxStreamAge`: between nine tenths and all of it, with the tick by which its end comes early. */
const lifeOf = (maxAge: number, random: number): number =>
  maxAge < Infinity ? maxAge - random * Math.max(0, maxAge * 0.1 - TICK_MS) : Infinity
