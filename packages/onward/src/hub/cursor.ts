// Over 400 lines because one connection is one state machine: as a receiver, listener, owner of a sink and member of the wheel, its methods
// change the same few fields.
import { Frame } from "../frame.ts"
import { inSameEpoch, type Loss } from "../log/index.ts"
import type { Position } from "../message.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { quietEnough, TICK_MS, type Beating } from "../timer-wheel.ts"
import type { Audience, Listener } from "./audience.ts"
import type { CursorOptions } from "./cursor-options.ts"
import { reconnectLater, comment, end, gap } from "./control.ts"
import type { Part } from "./batch.ts"
import { Follower, type PartReceiver, type Receiver } from "./follower.ts"
import type { HubContext } from "./hub-context.ts"
import type { KeptEntry, TextFormat } from "./kept-entry.ts"
import type { CloseReason, ObservedStream, StartOutcome } from "./observation.ts"
import { resolveStart, type ResolvedStart } from "./resolve-start.ts"
import type { StartPoint, UnknownId } from "./start-point.ts"
import { LatestSender, type LatestReceiver } from "./latest-sender.ts"
import type { KeyOf } from "./newest-by-key.ts"
import { wantedOf } from "./wanted.ts"
import { lagOf, type StreamInfo, type StreamState } from "./stream-info.ts"

/** Counts the open cursors. */
export interface CursorOwner {
  /** The stream of `cursor` has ended. Called once. */
  onOver(cursor: Cursor): void
}

/**
 * One connection: a follower's receiver that writes to a sink. Live, the fan-out writes for it. When its sink is full it stops being live,
 * and catches up when there is room: nothing is queued.
 */
export class Cursor implements Listener, SinkOwner, Beating, Receiver, PartReceiver, LatestReceiver {
  slot = 0
  readonly id: number
  readonly label: string | undefined
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
  readonly audience: Audience
  readonly #context: HubContext
  readonly #owner: CursorOwner
  readonly #sink: Sink
  readonly #follow: boolean
  /** Absent while live: an idle connection needs no position. */
  #follower: Follower | undefined
  /** Sends the newest entry of each topic; then a follower takes over. */
  #latest: LatestSender | undefined
  readonly #newestOnly: boolean | KeyOf
  #state: "behind" | "live" | "over" = "behind"
  /** The newest position the client received as an id. */
  #shown: Position = ""
  #wroteAt: number
  readonly #openedAt: number
  readonly #endsAt: number
  /** Since when it has not been live, by the monotonic clock; undefined while live, and for a start without history. */
  #behindSince: number | undefined
  #outcome: StartOutcome | undefined
  #gaps = 0
  #timesBehind = 0
  /** What it was sent. While live, without what its audience has been sent in all. */
  #sentEntries = 0
  #sentBytes = 0

  constructor(context: HubContext, owner: CursorOwner, options: CursorOptions) {
    const { id, audience, sink, how } = options
    const { limitKey, signal, userId, label, follow, newestOnly } = how
    this.id = id
    this.label = label
    this.#context = context
    this.#owner = owner
    this.audience = audience
    this.#sink = sink
    this.#follow = follow
    this.#newestOnly = newestOnly
    this.limitKey = limitKey
    this.signal = signal
    this.userId = userId
    this.#openedAt = this.#wroteAt = context.clock.monotonic()
    this.#endsAt = this.#openedAt + lifeOf(context.maxStreamAge, context.clock.random())
    sink.owner = this
  }

  get isLive(): boolean {
    return this.#state === "live"
  }

  /** Begins at `start`: at once when the log need not be asked. */
  start(start: StartPoint | ResolvedStart, unknownId: UnknownId): void {
    const { tail } = this.#context
    if (start === "live") {
      this.#started("live")
      if (tail.isReady) return this.#behind().start({ position: tail.position })
    } else this.#behindSince = this.#openedAt
    if (typeof start === "object" && "position" in start) this.#begin(start)
    else void this.#find(start, unknownId)
  }

  async #find(start: StartPoint, unknownId: UnknownId): Promise<void> {
    const { tail, turns } = this.#context
    const isOver = (): boolean => this.#isOver()
    await tail.ready
    const asked = tail.position
    while (turns.isOver && !isOver()) await turns.next()
    if (start === "latest") {
      if (isOver()) return
      this.#started("history")
      return this.#sendLatest()
    }
    const found = await this.#context.retryUntil(
      () => resolveStart(this.#context, this.audience, start, { asked, isOver, unknownId }),
      isOver,
    )
    if (!found || isOver()) return
    if (start === "earliest") this.#started("earliest")
    else if (typeof start === "object" && !("after" in start)) this.#started("history")
    this.#begin(found)
  }

  #begin(found: ResolvedStart): void {
    if (found.isOver) return this.finish()
    const { position, given, isUnknown } = found
    if (given === position) this.#shown = position
    if (this.#newestOnly && given !== undefined && !isUnknown && inSameEpoch(position, this.#context.tail.position)) {
      this.#started("exact")
      return this.#sendLatest(position)
    }
    const hasRoom = !isUnknown || this.onLost({ reason: "unknown", to: position }, given ?? "")
    this.#behind().start(isUnknown ? { position } : found, !hasRoom)
  }

  /** Sends the newest entry of each topic after a position, then what follows. */
  #sendLatest(after?: Position, isPaused = false): void {
    this.#state = "behind"
    const keyOf = typeof this.#newestOnly === "function" ? this.#newestOnly : undefined
    this.#latest = new LatestSender(this.#context, this.audience, this, keyOf)
    this.#latest.start(after, isPaused)
  }

  onLatest(position: Position): void {
    this.#latest = undefined
    this.#behind().start({ position })
  }

  #behind(): Follower {
    this.#state = "behind"
    return (this.#follower ??= new Follower(this.#context, this.audience, this))
  }

  // As the receiver of a follower.

  onEntries(entries: readonly KeptEntry[], source: "window" | "log"): boolean {
    this.#started("exact")
    const { wanted, isLast } = wantedOf(this.audience, entries)
    if (wanted.length === 0 && !isLast) return true
    const frame = new Frame(wanted.reduce((text, kept) => text + kept.textForReplay(this.format), ""))
    const hasRoom = this.onPart(
      { frame, end: wanted.at(-1)?.entry.position ?? this.#shown, count: wanted.length },
      source,
    )
    if (isLast) this.finish()
    return hasRoom
  }

  /** Unless it has a filter or an end of its own. */
  get parts(): PartReceiver | undefined {
    return this.audience.until || this.audience.filter ? undefined : this
  }

  get format(): TextFormat {
    return this.audience.format
  }

  get key(): string {
    return this.audience.key
  }

  onPart({ frame, end, count }: Part, source: "window" | "log"): boolean {
    this.#started("exact")
    this.#shown = end
    this.#sentEntries += count
    this.#context.observe?.({ type: "replayed", ...this.observed, entries: count, source })
    return this.#write(frame)
  }

  onLost({ reason, to }: Loss, from: string): boolean {
    this.#started(`gap_${reason}`)
    this.#gaps++
    this.#context.observe?.({ type: "gap", ...this.observed, reason })
    return this.#write(new Frame(gap(reason, from, to)))
  }

  onLive(): void {
    const { clock, fanOut, tail, observe } = this.#context
    this.#started("exact")
    this.#follower = undefined
    if (!this.#follow) return this.finish()
    this.#state = "live"
    fanOut.delivery.join(this.audience, this)
    this.#sentEntries -= this.audience.sentEntries
    this.#sentBytes -= this.audience.sentBytes
    if (this.#behindSince !== undefined) {
      observe?.({ type: "caught_up", ...this.observed, duration: clock.monotonic() - this.#behindSince })
      this.#behindSince = undefined
    }
    // so that even a client that disconnects before its first event can resume
    if (this.#shown !== tail.position) this.#show(tail.checkpoint)
  }

  onEnd(): void {
    this.end(this.#context.isClosed ? "drain" : "error", comment)
  }

  /** Writes a frame after which the client has everything up to the tail. */
  #show(frame: Frame): void {
    const { position } = this.#context.tail
    this.#shown = position
    if (this.#write(frame)) return
    this.#context.fanOut.delivery.leave(this.audience, this)
    this.fallBehind(position)
  }

  // As a listener of the fan-out.

  // the audience is its own; passed, because looking it up would cost each delivery a miss of the cache
  write(frame: Frame, audience?: Audience): boolean {
    return this.#sink.write(frame, audience)
  }

  fallBehind(position: Position): void {
    this.#shown = position
    this.#wroteAt = this.#context.clock.monotonic()
    this.#leaveLive(position)
    if (this.#isOver()) return
    if (this.#newestOnly) this.#sendLatest(position, true)
    else this.#behind().pauseAt(position)
  }

  catchUp(position: Position): void {
    if (this.#isOver()) return
    this.#leaveLive(position)
    if (this.#isOver()) return
    if (this.#newestOnly) this.#sendLatest(position)
    else this.#behind().catchUp(position)
  }

  finish(): void {
    this.end("ended", end)
  }

  /** The observer can end the stream. */
  #leaveLive(position: Position): void {
    this.#countLive(position)
    this.#state = "behind"
    this.#behindSince = this.#context.clock.monotonic()
    this.#timesBehind++
    this.#context.observe?.({ type: "fell_behind", ...this.observed })
  }

  /** @param received the position up to which it received what its audience is being sent; unknown if the client disconnected */
  #countLive(received?: Position): void {
    const { entries, bytes } = this.#sentLive(received)
    this.#sentEntries += entries
    this.#sentBytes += bytes
  }

  /** What its audience has been sent in all, without what it is yet to receive. */
  #sentLive(received: Position = ""): { readonly entries: number; readonly bytes: number } {
    let { sentEntries: entries, sentBytes: bytes } = this.audience
    for (const { count, end, frame } of this.#context.fanOut.delivery.unwritten(this.audience, this)) {
      if (end <= received) continue
      entries -= count
      bytes -= frame.size
    }
    return { entries, bytes }
  }

  // As the owner of a sink.

  onDrain(): void {
    this.#latest?.resume()
    this.#follower?.resume()
  }

  onClose(isComplete?: true): void {
    this.#over(isComplete ? "ended" : "client")
  }

  #over(reason: CloseReason): void {
    if (this.#state === "over") return
    if (this.isLive) this.#countLive()
    this.#context.fanOut.delivery.leave(this.audience, this)
    this.#latest?.stop()
    this.#follower?.stop()
    this.#state = "over"
    this.#owner.onOver(this)
    const { clock, observe } = this.#context
    observe?.({
      type: "closed",
      ...this.observed,
      reason,
      lifetime: clock.monotonic() - this.#openedAt,
      entries: this.#sentEntries,
      bytes: this.#sentBytes,
    })
  }

  /** Ends the stream, with a last frame if there is room for one. */
  end(reason: CloseReason, last?: Frame): void {
    this.#settle()
    if (this.#isOver()) return
    const abort = this.#isFull
    if (last && !abort) this.#write(last)
    this.#over(reason)
    this.#sink.close({ abort })
  }

  /** Ends the stream; its client reconnects and resumes exactly here. */
  sendAway(reason: CloseReason): void {
    const { clock, tail } = this.#context
    this.#settle()
    const position = this.isLive ? tail.position : this.#follower?.position
    this.end(reason, reconnectLater(position || undefined, clock.random()))
  }

  /** Before its end: writes what has arrived and was not written yet. */
  #settle(): void {
    if (this.isLive) this.#context.fanOut.delivery.settle(this.audience, this)
  }

  get #isFull(): boolean {
    return this.#state === "behind" && (this.#follower?.isFull === true || this.#latest?.isFull === true)
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
      this.sendAway("max_age")
      return heartbeat
    }
    const silence = now - (this.isLive ? Math.max(this.#wroteAt, this.audience.wroteAt) : this.#wroteAt)
    if (this.#isFull) {
      if (silence >= stallTimeout) this.end("stalled")
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
    // entries are about to be written, and a checkpoint must not overtake them
    if (fanOut.delivery.owed(this.audience, this).length > 0 || !this.isLive) return
    const isShown = this.#shown === tail.position || this.audience.shown === tail.position
    this.#show(isShown ? comment : tail.checkpoint)
  }

  #write(frame: Frame): boolean {
    this.#wroteAt = this.#context.clock.monotonic()
    this.#sentBytes += frame.size
    return this.#sink.write(frame)
  }

  #isOver(): boolean {
    return this.#state === "over"
  }

  /** It found its start point, unless it has found it before. */
  #started(outcome: StartOutcome): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    this.#context.observe?.({ type: "resumed", ...this.observed, outcome })
  }

  // As what operators look at.

  get observed(): ObservedStream {
    return { id: String(this.id), label: this.label }
  }

  get state(): StreamState {
    return this.isLive ? "live" : this.#isFull ? "full" : "reading"
  }

  /** How many entries of the log, of any topic, follow its position. */
  get lag(): number {
    return this.isLive ? 0 : lagOf(this.#follower?.position, this.#context.tail.position)
  }

  get sentBytes(): number {
    return this.#sentBytes + (this.isLive ? this.#sentLive().bytes : 0)
  }

  get info(): StreamInfo {
    const { clock } = this.#context
    const toDate = clock.now() - clock.monotonic()
    const { audience, isLive, label, limitKey, userId } = this
    return {
      id: String(this.id),
      label,
      topics: audience.topics,
      patterns: audience.patterns,
      limitKey,
      userId,
      state: this.state,
      outcome: this.#outcome,
      openedAt: toDate + this.#openedAt,
      wroteAt: toDate + (isLive ? Math.max(this.#wroteAt, audience.wroteAt) : this.#wroteAt),
      lag: this.lag,
      behindSince: this.#behindSince === undefined ? undefined : toDate + this.#behindSince,
      timesBehind: this.#timesBehind,
      gaps: this.#gaps,
      entries: this.#sentEntries + (isLive ? this.#sentLive().entries : 0),
      bytes: this.sentBytes,
    }
  }
}

/** A stream's own part of `maxStreamAge`: between nine tenths and all of it, with the tick by which its end comes early. */
const lifeOf = (maxAge: number, random: number): number =>
  maxAge < Infinity ? maxAge - random * Math.max(0, maxAge * 0.1 - TICK_MS) : Infinity
