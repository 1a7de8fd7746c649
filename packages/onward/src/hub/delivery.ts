import type { Clock } from "../clock.ts"
import type { Audience, Listener, Remaining } from "./audience.ts"
import { Batch, cut, type Part } from "./batch.ts"
import { sizeOf, type KeptEntry } from "./kept-entry.ts"
import type { Observe } from "./observation.ts"

/** Longest delivery without giving the event loop back, in ms. A write costs the kernel about 10 µs. */
const STRETCH_MS = 5
/** How many connections are written to between two looks at the clock. */
const LOOKS = 8
/** How many characters may arrive for an audience while a delivery to it takes many turns. With more, the delivery ends in one turn. */
const MAX_WAITING_CHARS = 1_048_576

/**
 * Writes entries to the live connections of audiences: at the end of the turn in which they arrived, or over several turns when there are
 * thousands of connections. A part is written to all live connections of its audience before the next part, and a connection that becomes
 * live meanwhile receives what arrives from then on.
 */
export class Delivery {
  readonly #clock: Clock
  /** Audiences with something to write; the first `#done` are finished. */
  #queue: Audience[] = []
  #done = 0
  #isScheduled = false
  #newest: Batch | undefined
  /** Deliveries since the process began: every few of them the clock is looked at. */
  #looks = 0
  /** When this turn's writing has to end. */
  #until = Infinity

  readonly #observe: Observe | undefined
  /** When the oldest entry of this turn was stored, and what was written in it, to all streams together. */
  #oldest = Infinity
  #entries = 0
  #writes = 0
  #bytes = 0

  constructor(clock: Clock, observe?: Observe) {
    this.#clock = clock
    this.#observe = observe
  }

  /** All live connections of `audience` are to receive an entry that has just arrived. */
  add(audience: Audience, kept: KeptEntry): void {
    const { batch, remaining } = audience
    if (batch) {
      if (batch.end !== kept) audience.batch = batch.with(kept)
    } else {
      if (!remaining) this.#enqueue(audience)
      audience.batch = this.#first(kept)
      if (kept.entry.time < this.#oldest) this.#oldest = kept.entry.time
    }
    if (remaining && (remaining.chars += sizeOf(kept)) > MAX_WAITING_CHARS) this.#writeAll(audience)
  }

  /** `listener` receives what arrives from now on. */
  join(audience: Audience, listener: Listener): void {
    this.#seal(audience)
    const steps = audience.remaining?.steps
    const last = steps?.at(-1)
    if (!steps) audience.live.add(listener)
    else if (last instanceof Set) last.add(listener)
    else steps.push(new Set([listener]))
  }

  /** `listener` receives nothing any more. */
  leave(audience: Audience, listener: Listener): void {
    const { live, remaining } = audience
    live.delete(listener)
    if (!remaining) return
    remaining.pending?.delete(listener)
    for (const step of remaining.steps) if (step instanceof Set) step.delete(listener)
  }

  /** As `leave`, after writing what has arrived. */
  settle(audience: Audience, listener: Listener): void {
    for (const part of this.owed(audience, listener)) {
      this.#count(part, 1)
      // not as a part that the whole audience receives now
      if (listener.write(part.frame)) continue
      listener.fallBehind(part.end)
      break
    }
    this.leave(audience, listener)
  }

  /** What a live connection is yet to receive of what has arrived. */
  owed(audience: Audience, listener: Listener): readonly Part[] {
    this.#seal(audience)
    return this.unwritten(audience, listener)
  }

  /** What a live connection is yet to receive of earlier turns. */
  unwritten({ live, remaining }: Audience, listener: Listener): readonly Part[] {
    if (!remaining) return []
    let isIn = live.has(listener)
    const parts: Part[] = []
    for (const [i, step] of remaining.steps.entries()) {
      if (step instanceof Set) isIn ||= step.has(listener)
      else if (isIn && (i > 0 || remaining.pending?.has(listener) !== false)) parts.push(step)
    }
    return parts
  }

  /** Writes everything that has arrived, in this turn. */
  flush(): void {
    for (let i = this.#done; i < this.#queue.length; i++) this.#writeAll(this.#queue[i] as Audience)
  }

  #enqueue(audience: Audience): void {
    this.#queue.push(audience)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.turn(this.#run)
  }

  /** The batch of all audiences whose first entry in this turn is this one. */
  #first(kept: KeptEntry): Batch {
    if (this.#newest?.end !== kept) this.#newest = new Batch(kept)
    return this.#newest
  }

  readonly #run = (): void => {
    this.#newest = undefined
    this.#until = this.#clock.monotonic() + STRETCH_MS
    const isDone = this.#writeQueue()
    if (this.#observe) this.#report(this.#observe)
    if (isDone) this.#oldest = Infinity
    // not with the turns that all loops share: live connections do not wait for those that read the history
    else this.#clock.turn(this.#run)
  }

  /** False when the time of this turn is over. */
  #writeQueue(): boolean {
    for (let audience = this.#queue[this.#done]; audience; audience = this.#queue[this.#done]) {
      if (!this.#write(audience)) {
        this.#queue.splice(0, this.#done)
        this.#done = 0
        return false
      }
      this.#done++
      // what arrived meanwhile, after the other audiences
      if (audience.batch) this.#queue.push(audience)
    }
    this.#queue = []
    this.#done = 0
    this.#isScheduled = false
    return true
  }

  #report(observe: Observe): void {
    const lag = Math.max(0, this.#clock.now() - this.#oldest)
    observe({ type: "delivered", entries: this.#entries, writes: this.#writes, bytes: this.#bytes, lag })
    this.#entries = this.#writes = this.#bytes = 0
  }

  #count({ frame, count }: Part, writes: number): void {
    if (!this.#observe) return
    this.#entries += count * writes
    this.#bytes += frame.size * writes
    this.#writes += writes
  }

  #writeAll(audience: Audience): void {
    const until = this.#until
    this.#until = Infinity
    while (audience.remaining || audience.batch) this.#write(audience)
    this.#until = until
  }

  /** Writes what remains of earlier turns, or else what arrived since then. False when this turn has no time for all of it. */
  #write(audience: Audience): boolean {
    const { batch, remaining, until } = audience
    if (remaining) {
      if (!this.#writeRemaining(audience, remaining)) return false
      audience.remaining = undefined
    } else if (batch) {
      this.#take(audience, batch)
      const last = until ? batch.entries().findIndex(({ entry }) => until(entry)) : -1
      if (last < 0) return this.#writeParts(audience, batch.parts(audience.format))
      this.#finish(audience, batch.entries().slice(0, last + 1))
    }
    return true
  }

  #take(audience: Audience, batch: Batch): void {
    audience.batch = undefined
    audience.wroteAt = this.#clock.monotonic()
    audience.shown = batch.end.entry.position
  }

  /** Moves the batch to the remaining steps, so that what arrives later is written after it. */
  #seal(audience: Audience): void {
    // its entries have to be looked at, and it has one connection
    if (audience.until) return this.#writeAll(audience)
    const { batch } = audience
    if (!batch) return
    this.#take(audience, batch)
    audience.remaining ??= { pending: undefined, steps: [], chars: 0 }
    const parts = batch.parts(audience.format)
    countFor(audience, parts)
    audience.remaining.steps.push(...parts)
  }

  #writeParts(audience: Audience, parts: readonly Part[]): boolean {
    countFor(audience, parts)
    const [part, ...more] = parts
    const { live } = audience
    const members = live.values()
    if (!part || (more.length === 0 && this.#writePart(audience, part, members))) return true
    const pending = more.length === 0 ? new Set(members) : undefined
    audience.remaining = { pending, steps: [...parts], chars: 0 }
    return pending ? false : this.#write(audience)
  }

  #writeRemaining(audience: Audience, remaining: Remaining): boolean {
    const { steps } = remaining
    for (let step = steps[0]; step; step = steps[0]) {
      if (step instanceof Set) for (const listener of step) audience.live.add(listener)
      else {
        const members = (remaining.pending ?? audience.live).values()
        if (!this.#writePart(audience, step, members, remaining.pending)) {
          remaining.pending ??= new Set(members)
          return false
        }
        remaining.pending = undefined
      }
      steps.shift()
    }
    return true
  }

  /** False when the time is over; `members` then yields the others. @param pending loses those that are written to */
  #writePart(audience: Audience, part: Part, members: IterableIterator<Listener>, pending?: Set<Listener>): boolean {
    const { frame, end } = part
    let writes = 0
    let isOver = false
    for (const listener of members) {
      pending?.delete(listener)
      writes++
      if (!listener.write(frame, audience)) {
        listener.fallBehind(end)
        audience.live.delete(listener)
      }
      isOver = ++this.#looks % LOOKS === 0 && this.#clock.monotonic() >= this.#until
      if (isOver) break
    }
    this.#count(part, writes)
    return !isOver
  }

  /** Writes the last entries of an audience that ends with them. It has one connection. */
  #finish(audience: Audience, entries: readonly KeptEntry[]): void {
    const parts = [...cut(entries, audience.format)]
    countFor(audience, parts)
    for (const listener of audience.live) {
      const full = parts.findIndex((part) => {
        this.#count(part, 1)
        return !listener.write(part.frame)
      })
      if (full < 0 || full === parts.length - 1) listener.finish()
      else {
        listener.fallBehind((parts[full] as Part).end)
        audience.live.delete(listener)
      }
    }
  }
}

/** Once for all live members, which all take the parts. */
function countFor(audience: Audience, parts: readonly Part[]): void {
  for (const { frame, count } of parts) {
    audience.sentEntries += count
    audience.sentBytes += frame.size
  }
}
