import { Frame } from "../frame.ts"
import { inSameEpoch, type Loss } from "../log/index.ts"
import type { Position } from "../message.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { quietEnough, TICK_MS, type Beating } from "../timer-wheel.ts"
import type { Audience, Listener } from "./audience.ts"
import { reconnectLater, comment, end, gap } from "./control.ts"
import type { HubContext, TailWaiter } from "./hub-context.ts"
import { resolveStart, type ResolvedStart } from "./resolve-start.ts"
import { KeptEntry } from "./kept-entry.ts"
import { LossTracker } from "./loss-tracker.ts"
import { cut, PART_CHARS } from "./batch.ts"
import type { StartPoint } from "./start-point.ts"

const MAX_PAGE = 512

/**
 * asking: an answer of the log is awaited · reading: catching up · waiting: for this process's tail · full: for room in the
 * sink · live: fed by the fan-out · over.
 */
type State = "asking" | "reading" | "waiting" | "full" | "live" | "over"

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
 * One connection's place in the log. It reads on by itself, from the window or the log, until it has all that this process
 * knows; then it is live. When its sink is full it stops being live and catches up once there is room: nothing is queued.
 */
export class Cursor implements Listener, SinkOwner, Beating, TailWaiter {
  slot = 0
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
  readonly audience: Audience
  readonly #context: HubContext
  readonly #owner: CursorOwner
  readonly #sink: Sink
  #state: State = "asking"
  /** Everything up to here is written. While live, the tail's position counts instead. */
  #position: Position = ""
  /** The newest position the client was shown as an id. */
  #shown: Position = ""
  #wroteAt: number
  readonly #endsAt: number
  #losses: LossTracker | undefined
  #pageSize = 16

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

  /** Begins at `start`: at once when nothing must be asked of the log. */
  start(start: StartPoint): void {
    const { tail } = this.#context
    if (start === "live" && tail.isReady) return this.#begin({ position: tail.position })
    void this.#find(start)
  }

  async #find(start: StartPoint): Promise<void> {
    const { tail } = this.#context
    await tail.ready
    if (this.#over()) return
    const asked = tail.position
    const found = await this.#ask(() =>
      resolveStart(this.#context, this.audience, start, { asked, isOver: () => this.#over() }),
    )
    if (found?.isOver) return this.finish()
    if (found) this.#begin(found)
  }

  #begin({ position, given, unknown, endAtRequest }: ResolvedStart): void {
    this.#position = position
    if (given === position) this.#shown = position
    if (given !== undefined || endAtRequest !== undefined)
      this.#losses = new LossTracker(unknown ? undefined : given, endAtRequest)
    this.#state = "reading"
    if (unknown && !this.#write(new Frame(gap("unknown", given ?? "", position)))) return this.#wait()
    this.#read()
  }

  // As a listener of the fan-out.

  // the audience is its own; passed, because looking it up would cost each delivery a miss of the cache
  write(frame: Frame, audience: Audience): boolean {
    return this.#sink.write(frame, audience)
  }

  fallBehind(position: Position): void {
    this.#position = position
    this.#shown = position
    this.#wroteAt = this.#context.clock.monotonic()
    this.#wait()
  }

  catchUp(position: Position): void {
    this.#position = position
    this.#state = "reading"
    this.#read()
  }

  finish(): void {
    this.end(end)
  }

  // As the owner of a sink.

  onDrain(): void {
    if (this.#state === "full") this.catchUp(this.#position)
  }

  onClose(): void {
    if (this.#state === "over") return
    this.audience.live.delete(this)
    this.#context.tail.waiting.delete(this)
    this.#state = "over"
    this.#owner.onOver(this)
  }

  /** Ends the stream, with a last frame if there is room for one. */
  end(last?: Frame): void {
    // what arrived in this turn comes first
    if (this.isLive) this.#context.fanOut.flush()
    if (this.#over()) return
    const abort = this.#state === "full"
    if (last && !abort) this.#sink.write(last)
    this.onClose()
    this.#sink.close({ abort })
  }

  /** Ends the stream for its client to reconnect, which resumes exactly here. */
  sendAway(): void {
    const { clock, fanOut, tail } = this.#context
    if (this.isLive) fanOut.flush()
    const position = this.isLive ? tail.position : this.#position
    this.end(reconnectLater(position || undefined, clock.random()))
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
    if (this.#state === "full") {
      if (silence >= stallTimeout) this.end()
      return Math.min(stallTimeout - silence, this.#endsAt - now)
    }
    if (silence < quietEnough(heartbeat)) return Math.min(heartbeat - silence, stallTimeout, this.#endsAt - now)
    if (this.isLive) this.#beatLive()
    else this.#write(comment)
    return this.#nextBeat(now)
  }

  /**
   * The wait from `now` to the earliest deadline. At the latest a `stallTimeout`: a sink that fills up meanwhile is then seen in time,
   * without a visit of its own.
   */
  #nextBeat(now: number): number {
    const { clock, heartbeat, stallTimeout } = this.#context
    return Math.min(heartbeat * (0.9 + clock.random() * 0.1), stallTimeout, this.#endsAt - now)
  }

  /** A checkpoint when the position moved, else a comment. */
  #beatLive(): void {
    const { fanOut, tail } = this.#context
    // a checkpoint must not overtake entries of this turn
    fanOut.flush()
    if (!this.isLive) return
    const isShown = this.#shown === tail.position || this.audience.shown === tail.position
    this.#shown = tail.position
    if (this.#write(isShown ? comment : tail.checkpoint)) return
    this.audience.live.delete(this)
    this.fallBehind(tail.position)
  }

  // Catching up.

  #read(): void {
    const { window, turns } = this.#context
    while (this.#state === "reading") {
      if (turns.isOver) return this.#readLater()
      if (!window.covers(this.#position)) return void this.#readLog()
      this.#losses?.forgiveNoMore()
      const { entries, next } = window.read(this.#position, this.audience, PART_CHARS, turns)
      if (!this.#deliver(entries)) return
      this.#position = next
      if (next === window.end) return this.#goLive()
    }
  }

  #readLater(): void {
    this.#state = "asking"
    this.#context.turns.later(() => {
      if (this.#state === "asking") this.catchUp(this.#position)
    })
  }

  async #readLog(): Promise<void> {
    const { log, tail, clock } = this.#context
    const { topics, hasPatterns } = this.audience
    const after = this.#position
    const page = await this.#ask(() => log.read({ after, limit: this.#pageSize, ...(!hasPatterns && { topics }) }))
    if (!page) return
    // ahead of the tail, or in a life of the log that the tail has not seen yet: whatever comes, comes by the tail
    const isAhead = !inSameEpoch(after, tail.position) || after > tail.position
    const upTo = tail.position
    const lost = page.lost && (await this.#concerning(page.lost))
    const matching = await this.#matching(page.entries, ({ topic }) => topic)
    if (this.#over()) return
    if (!lost ? isAhead : lost.reason === "trimmed" && (isAhead || lost.to > upTo)) return this.#waitForTail()
    if (lost && !this.#announce(lost)) return
    if (this.#position !== after) return this.#read()
    const entries = matching.filter(({ position }) => position <= upTo).map((entry) => new KeptEntry(entry))
    // next time as many as make a few writes: entries may be large, and many may read at once
    const chars = page.entries.reduce((sum, { data }) => sum + data.length, 1)
    const fit = Math.ceil((page.entries.length * 4 * PART_CHARS) / chars)
    this.#pageSize = Math.max(1, Math.min(MAX_PAGE, this.#pageSize * 2, fit || MAX_PAGE))
    if (!this.#deliver(entries)) return
    this.#position = page.next < upTo ? page.next : upTo
    if (this.#position !== after) return this.#read()
    // a log that does not show yet what the tail has seen: ask again, but not at once
    this.#state = "asking"
    clock.after(50, () => {
      if (this.#state === "asking") this.catchUp(after)
    })
  }

  /** Of what a log has removed, what this stream asked for. */
  async #concerning(lost: Loss): Promise<Loss> {
    if (!lost.topics) return lost
    return { ...lost, topics: new Map(await this.#matching([...lost.topics], ([topic]) => topic)) }
  }

  /** Those whose topic the stream asked for. Matching thousands of topics with a hundred patterns may take many turns. */
  async #matching<T>(items: readonly T[], topicOf: (item: T) => string): Promise<T[]> {
    const { turns } = this.#context
    const matching: T[] = []
    for (const item of items) {
      if (this.audience.hasPatterns && turns.isOver) await turns.next()
      if (this.#over()) break
      const topic = topicOf(item)
      if (topic === "*" || this.audience.matches(topic)) matching.push(item)
    }
    return matching
  }

  /** Tells the client what it missed, if it missed anything; false when the sink is full now. */
  #announce(lost: Loss): boolean {
    const from = this.#losses?.given ?? this.#position
    this.#losses ??= new LossTracker()
    const to = this.#losses.missed(lost, this.#position)
    if (lost.reason !== "trimmed") this.#position = lost.to
    if (to === undefined || this.#write(new Frame(gap(lost.reason, from, to)))) return true
    this.#wait()
    return false
  }

  /** Writes entries; false when it stopped there, because the sink is full or the stream has ended. */
  #deliver(entries: readonly KeptEntry[]): boolean {
    if (entries.length === 0) return true
    const { until } = this.audience
    const last = until ? entries.findIndex(({ entry }) => until(entry)) : -1
    const wanted = last < 0 ? entries : entries.slice(0, last + 1)
    for (const part of cut(wanted)) {
      this.#position = part.end
      this.#shown = part.end
      if (this.#write(part.frame)) continue
      if (last >= 0 && part.end === wanted.at(-1)?.entry.position) break
      this.#wait()
      return false
    }
    if (last >= 0) this.finish()
    return last < 0
  }

  #goLive(): void {
    const { fanOut, tail } = this.#context
    if (!this.#losses?.isAheadOf(tail.position)) this.#losses = undefined
    this.#state = "live"
    fanOut.join(this.audience, this)
    // so that even a client that leaves before its first event can say where it was
    if (this.#shown !== tail.position) {
      this.#shown = tail.position
      if (this.#write(tail.checkpoint)) return
      this.audience.live.delete(this)
      this.fallBehind(tail.position)
    }
  }

  #write(frame: Frame): boolean {
    this.#wroteAt = this.#context.clock.monotonic()
    return this.#sink.write(frame)
  }

  #wait(): void {
    if (this.#state !== "over") this.#state = "full"
  }

  #waitForTail(): void {
    this.#state = "waiting"
    this.#context.tail.waiting.add(this)
    this.#context.tail.wake()
  }

  /** Told by the tail, for each who waits, that it has moved. */
  onTail(): void {
    if (this.#state === "waiting") this.catchUp(this.#position)
  }

  /** Asks the log, again and again while it is away; undefined when the stream ended meanwhile. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    this.#state = "asking"
    const { turns } = this.#context
    while (turns.isOver && !this.#over()) await turns.next()
    const answer = await this.#context.retryUntil(question, () => this.#over())
    if (this.#over()) return undefined
    this.#state = "reading"
    return answer
  }

  #over(): boolean {
    return this.#state === "over"
  }
}

/** A stream's own part of `maxStreamAge`: between nine tenths and all of it, with the tick by which its end comes early. */
const lifeOf = (maxAge: number, random: number): number =>
  maxAge < Infinity ? maxAge - random * Math.max(0, maxAge * 0.1 - TICK_MS) : Infinity
