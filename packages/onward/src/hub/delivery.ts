import type { Clock } from "../clock.ts"
import type { Audience, Listener, Remaining } from "./audience.ts"
import { batchOf, type Batch, type Firsts, type Part } from "./batch.ts"
import type { KeptEntry } from "./kept-entry.ts"
import type { Observe } from "./observation.ts"
import { wantedOf } from "./wanted.ts"

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
  /** What has arrived in this turn, by the audiences that are to receive it. */
  #arrived = new Map<ReadonlySet<Audience>, Batch>()
  /** Audiences with something to write; the first `#done` are finished. */
  #queue: Audience[] = []
  #done = 0
  #isScheduled = false
  #firsts: Firsts = new Map()
  /** Deliveries since the process began: every few of them the clock is looked at. */
  #looks = 0
  /** When this turn's writing has to end. */
  #until = Infinity
  /** The time, a few writes ago: reading the clock for each audience would cost as much as a tenth of a write. */
  #now = 0

  /** What is being written, and to which connection: code that is called meanwhile can end other connections. */
  #writing: { readonly audience: Audience; readonly part: Part; listener: Listener | undefined } | undefined

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

  /** All live connections of `audiences` are to receive an entry that has just arrived. */
  arrive(audiences: ReadonlySet<Audience>, kept: KeptEntry): void {
    const batch = this.#arrived.get(audiences)
    // by another of its topics
    if (batch?.end === kept) return
    this.#arrived.set(audiences, batch ? batch.with(kept) : batchOf([kept], this.#firsts))
    if (kept.entry.time < this.#oldest) this.#oldest = kept.entry.time
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#clock.turn(this.#run)
  }

  /** Gives audiences what has arrived for them. Once a turn: ten thousand can share a topic, and a hundred entries arrive together. */
  #distribute(): void {
    if (this.#arrived.size === 0) return
    const arrived = this.#arrived
    this.#arrived = new Map()
    const full: Audience[] = []
    for (const [audiences, batch] of arrived) {
      for (const audience of audiences) {
        this.#give(audience, batch)
        if (audience.remaining && audience.remaining.chars > MAX_WAITING_CHARS) full.push(audience)
      }
    }
    // when an entry that reached an audience by two topics has arrived by both
    for (const audience of full) this.#writeAll(audience)
  }

  #give(audience: Audience, more: Batch): void {
    const { batch, live, remaining } = audience
    if (remaining) remaining.chars += more.chars
    else if (live.size === 0) return
    else if (!batch) this.#queue.push(audience)
    audience.batch = batch ? batch.and(more) : more
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

  /** What a live connection is yet to receive of earlier turns, and of the part that is being written. */
  unwritten(audience: Audience, listener: Listener): readonly Part[] {
    const { live, remaining } = audience
    const writing = this.#writing?.audience === audience ? this.#writing : undefined
    const lacksFirst = (): boolean =>
      remaining?.pending?.has(listener) ?? !(writing && comesFirst(live, listener, writing.listener))
    if (!remaining) return writing && live.has(listener) && lacksFirst() ? [writing.part] : []
    let isIn = live.has(listener)
    const parts: Part[] = []
    for (const [i, step] of remaining.steps.entries()) {
      if (step instanceof Set) isIn ||= step.has(listener)
      else if (isIn && (i > 0 || lacksFirst())) parts.push(step)
    }
    return parts
  }

  /** Writes everything that has arrived, in this turn. */
  flush(): void {
    this.#distribute()
    for (let i = this.#done; i < this.#queue.length; i++) this.#writeAll(this.#queue[i] as Audience)
  }

  readonly #run = (): void => {
    this.#now = this.#clock.monotonic()
    this.#until = this.#now + STRETCH_MS
    this.#distribute()
    this.#firsts = new Map()
    this.#isScheduled = !this.#writeQueue() || this.#arrived.size > 0
    if (this.#observe && this.#writes > 0) this.#report(this.#observe)
    // not with the turns that all loops share: live connections do not wait for those that read the history
    if (this.#isScheduled) this.#clock.turn(this.#run)
    else this.#oldest = Infinity
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
    const { batch, remaining } = audience
    if (remaining) {
      if (!this.#writeRemaining(audience, remaining)) return false
      audience.remaining = undefined
    } else if (batch) {
      const { chosen, isLast } = this.#take(audience, batch)
      const parts = chosen?.parts(audience.format) ?? []
      if (!isLast) {
        countFor(audience, parts)
        return this.#writeParts(audience, parts)
      }
      this.#finish(audience, parts)
    }
    return true
  }

  /** What an audience receives of its batch. */
  #take(audience: Audience, batch: Batch): { readonly chosen: Batch | undefined; readonly isLast: boolean } {
    audience.batch = undefined
    const allowed = batch.hasPrivate ? batch.pick(({ entry }) => audience.mayRead(entry)) : batch
    const { chosen, isLast } =
      allowed && (audience.until || audience.filter) ? choose(audience, allowed) : { chosen: allowed, isLast: false }
    if (chosen) {
      audience.wroteAt = this.#now
      audience.shown = chosen.end.entry.position
    }
    return { chosen, isLast }
  }

  /** Moves the batch to the remaining steps, so that what arrives later is written after it. */
  #seal(audience: Audience): void {
    this.#now = this.#clock.monotonic()
    this.#distribute()
    // its stream can end within the batch, and it has one connection
    if (audience.until || audience.filter) return this.#writeAll(audience)
    const { batch } = audience
    const { part } = this.#writing?.audience === audience ? this.#writing : {}
    // what follows must not be written by the loop that writes this part now
    if (part) audience.remaining ??= { pending: undefined, steps: [part], chars: 0 }
    if (!batch) return
    const parts = this.#take(audience, batch).chosen?.parts(audience.format) ?? []
    if (parts.length === 0) return
    audience.remaining ??= { pending: undefined, steps: [], chars: 0 }
    countFor(audience, parts)
    audience.remaining.steps.push(...parts)
  }

  #writeParts(audience: Audience, parts: readonly Part[]): boolean {
    const [part] = parts
    const members = audience.live.values()
    if (!part) return true
    if (parts.length === 1) {
      const isDone = this.#writePart(audience, part, members)
      // code that was called meanwhile has added steps after this one
      const { remaining } = audience
      if (isDone && !remaining) return true
      if (isDone) remaining?.steps.shift()
      else audience.remaining = { steps: [part], chars: 0, ...remaining, pending: new Set(members) }
      return isDone && this.#write(audience)
    }
    audience.remaining = { pending: undefined, steps: [...parts], chars: 0 }
    return this.#write(audience)
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
    const outer = this.#writing
    const writing = (this.#writing = { audience, part, listener: undefined as Listener | undefined })
    for (const listener of members) {
      writing.listener = listener
      pending?.delete(listener)
      writes++
      if (!listener.write(frame, audience)) {
        listener.fallBehind(end)
        audience.live.delete(listener)
      }
      if (++this.#looks % LOOKS > 0) continue
      this.#now = this.#clock.monotonic()
      isOver = this.#now >= this.#until
      if (isOver) break
    }
    this.#writing = outer
    this.#count(part, writes)
    return !isOver
  }

  /** Writes the last entries of an audience that ends with them. It has one connection. */
  #finish(audience: Audience, parts: readonly Part[]): void {
    for (const listener of audience.live) {
      const full = parts.findIndex((part) => {
        // each as it is written: those after a full sink are read later, and counted then
        countFor(audience, [part])
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

/** What passes the filter of an audience, up to the last entry of its stream. */
function choose(audience: Audience, batch: Batch): { readonly chosen: Batch | undefined; readonly isLast: boolean } {
  const { wanted, isLast } = wantedOf(audience, batch.entries())
  const all = new Set(wanted)
  return { chosen: batch.pick((kept) => all.has(kept)), isLast }
}

/** Whether `listener` is `other`, or before it. */
function comesFirst(all: ReadonlySet<Listener>, listener: Listener, other: Listener | undefined): boolean {
  for (const each of all) {
    if (each === listener) return true
    if (each === other) return false
  }
  return false
}

/** Once for all live members, which all take the parts. */
function countFor(audience: Audience, parts: readonly Part[]): void {
  for (const { frame, count } of parts) {
    audience.sentEntries += count
    audience.sentBytes += frame.size
  }
}
