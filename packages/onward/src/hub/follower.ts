import { formatPosition, inSameEpoch, parsePosition, type Loss, type Page, type ReadQuery } from "../log/index.ts"
import { Frame } from "../frame.ts"
import type { Position } from "../message.ts"
import type { ReaderContext, TailWaiter } from "./hub-context.ts"
import { cut, type Part } from "./batch.ts"
import { encodeEntry, KeptEntry, PART_CHARS, sizeOf, slices, type TextFormat } from "./kept-entry.ts"
import { LossTracker, type TrackedStart } from "./loss-tracker.ts"
import type { Reader } from "./window.ts"

const MAX_PAGE = 512
/** A receiver that has taken a page in this time gets the next one read ahead. Shorter than the time that answers are shared. */
const FAST_MS = 500
/** How long to wait when the log does not return what this process has seen already, in ms. */
const BEHIND_MS = 50

/** Receives entries of the log in order, each once: the history first, then live ones. Its methods must not throw. */
export interface Receiver {
  /** Takes all of `entries`, which were read from `source`. False when it has no room for more: the follower pauses until `resume`. */
  onEntries(entries: readonly KeptEntry[], source: "window" | "log"): boolean
  /** Absent when it takes entries only. */
  readonly parts?: PartReceiver | undefined
  /**
   * Entries after `from` (an id or a position) and up to `loss.to` are lost; each loss is reported once, before the entries after it.
   * False as for `onEntries`.
   */
  onLost(loss: Loss, from: string): boolean
  /**
   * It has received everything up to the tail. From this call on, the follower is idle: the receiver takes what arrives, and calls `catchUp`
   * or `pauseAt` with the position up to which it has received everything, when it stops doing so.
   */
  onLive(): void
  /** Nothing will follow: the hub is closed, or cannot use its log. */
  onEnd(): void
  /** A read failed. The follower repeats it. */
  onError?(error: unknown): void
}

/** A receiver that sends everything that it selects, so that its text can be encoded once for all that read the same. */
export interface PartReceiver {
  readonly format: TextFormat
  /** Equal for receivers of the same entries in the same format. */
  readonly key: string
  /** As `onEntries`. */
  onPart(part: Part, source: "window" | "log"): boolean
}

/** Where a follower starts. */
export interface FollowStart extends TrackedStart {
  /** It reads after this. */
  readonly position: Position
}

/**
 * asking: the log is asked, or a later turn is awaited · reading: delivers · waiting: for the tail of this process · full: for room in the
 * receiver · live: the receiver takes what arrives · stopped.
 */
type State = "asking" | "reading" | "waiting" | "full" | "live" | "stopped"

/**
 * A cursor in the log: reads from the window or the log, reports losses, and goes live when it has reached the tail. It never delivers
 * what the tail has not delivered yet, so nothing that arrives later is delivered twice.
 */
export class Follower implements TailWaiter {
  readonly #context: ReaderContext
  readonly #selection: Reader
  readonly #receiver: Receiver
  #state: State = "asking"
  /** Everything up to here was delivered. While live, the position of the tail counts instead. */
  #position: Position = ""
  #losses: LossTracker | undefined
  #pageSize = 16
  /** When the log was last asked, by the monotonic clock. */
  #askedAt = -Infinity

  constructor(context: ReaderContext, selection: Reader, receiver: Receiver) {
    this.#context = context
    this.#selection = selection
    this.#receiver = receiver
  }

  get position(): Position {
    return this.#position
  }

  get isFull(): boolean {
    return this.#state === "full"
  }

  get isLive(): boolean {
    return this.#state === "live"
  }

  /** Begins to read; with `isPaused`, when `resume` is called. */
  start(start: FollowStart, isPaused = false): void {
    this.#losses = new LossTracker(start)
    if (isPaused) this.pauseAt(start.position)
    else this.catchUp(start.position)
  }

  /** The receiver has everything up to `position`, and is live no longer. */
  catchUp(position: Position): void {
    if (this.#isStopped()) return
    this.#position = position
    this.#state = "reading"
    this.#read()
  }

  /** As `catchUp`, but the receiver has no room. */
  pauseAt(position: Position): void {
    if (this.#isStopped()) return
    this.#position = position
    this.#state = "full"
  }

  /** The receiver has room again. */
  resume(): void {
    if (this.#state === "full") this.catchUp(this.#position)
  }

  stop(): void {
    this.#state = "stopped"
    this.#context.tail.waiting.delete(this)
  }

  /** Called by the tail, when it has moved. */
  onTail(): void {
    if (this.#state === "waiting") this.catchUp(this.#position)
  }

  #read(): void {
    const { window, turns } = this.#context
    while (this.#state === "reading") {
      if (turns.isOver) return this.#readLater((later) => turns.later(later))
      const isThere = window.covers(this.#position) && !window.hasForgotten(this.#position, this.#selection)
      if (!isThere) return void this.#readLog()
      this.#losses?.hasRead()
      const { found, next } = this.#fromWindow()
      if (!this.#deliver(found, next, "window")) return
      if (next === window.end) return this.#goLive()
    }
  }

  /** What follows in the window, about one write. Streams that read the same a moment later share it. */
  #fromWindow(): Found {
    const { window, turns, sharedAnswers } = this.#context
    const selection = this.#selection
    const { parts } = this.#receiver
    const key = parts && `window ${this.#position} ${parts.key}`
    const known = key === undefined ? undefined : sharedAnswers.kept<Found>(key)
    // more can have arrived at the end
    if (known && (known.isLast ? known.next === window.end : known.next <= window.end)) return known
    // with exact topics no entry is matched in vain, and reads that end early would end at different places
    const { entries, next } = window.read(
      this.#position,
      selection,
      PART_CHARS,
      selection.hasPatterns ? turns : undefined,
    )
    const isLast = next === window.end
    const end = entries.at(-1)?.entry.position
    if (!parts || key === undefined || end === undefined) return { found: entries, next, isLast }
    const text = entries.reduce((before, kept) => before + kept.textForReplay(parts.format), "")
    const frame = new Frame(text).encode()
    const found: Found = { found: { frame, end, count: entries.length }, next, isLast }
    sharedAnswers.keep(key, found, frame.size, sharedAnswers.era)
    return found
  }

  #readLater(schedule: (later: () => void) => void): void {
    this.#state = "asking"
    schedule(() => {
      if (this.#state === "asking") this.catchUp(this.#position)
    })
  }

  async #readLog(): Promise<void> {
    const { tail, turns, clock } = this.#context
    const { hasPatterns } = this.#selection
    const after = this.#position
    const { hasMany } = tail
    const topics = this.#selection.logTopics(hasMany)
    const query: ReadQuery = { after, limit: this.#pageSize, ...(!hasPatterns && { topics }) }
    const isFast = clock.monotonic() - this.#askedAt < FAST_MS
    this.#askedAt = clock.monotonic()
    // entries on several topics concern readers of the same topic differently
    const format = hasPatterns || hasMany ? undefined : this.#receiver.parts?.format
    let page = await this.#ask(() => this.#page(query, format))
    // a part can hold what the tail has not delivered yet
    if (page && page.last > tail.position) page = await this.#ask(() => this.#page(query))
    if (!page) return
    // the tail has meanwhile received the first entry of a kind that was not asked for
    if (tail.hasMany !== hasMany) return this.catchUp(after)
    // ahead of the tail, or in an epoch that the tail has not seen yet: what follows comes from the tail
    const isAhead = !inSameEpoch(after, tail.position) || after > tail.position
    const upTo = tail.position
    const lost = page.lost && (await this.#concerning(page.lost))
    const matching = await this.#matching(page.kept, ({ entry }) => this.#selection.wants(entry))
    if (this.#isStopped()) return
    if (!lost ? isAhead : lost.reason === "trimmed" && (isAhead || lost.to > upTo)) return this.#waitForTail()
    if (lost && !this.#report(lost)) return
    this.#losses?.hasRead()
    if (this.#position !== after) return this.catchUp(this.#position)
    this.#pageSize = nextPageSize(this.#pageSize, page)
    const end = page.next < upTo ? page.next : upTo
    // the store reads the next page while this one is written; an error is reported when the page is needed
    if (isFast && end > after && end < upTo) {
      this.#page({ ...query, after: end, limit: this.#pageSize }, format).catch(() => {})
    }
    const entries = matching.filter(({ entry }) => entry.position <= upTo)
    for (const some of page.parts ?? slices(entries)) {
      if (turns.isOver) await turns.next()
      if (this.#isStopped()) return
      if (!this.#deliver(some, "end" in some ? some.end : (some.at(-1)?.entry.position ?? end), "log")) return
    }
    if (end > this.#position) this.#position = end
    if (this.#position !== after) return this.catchUp(this.#position)
    // the log does not return yet what the tail has seen
    this.#readLater((later) => void clock.after(BEHIND_MS, later))
  }

  /** A page of the log; with `format`, its entries that this selection wants are encoded. */
  async #page(query: ReadQuery, format?: TextFormat): Promise<ReadPage> {
    const { log, sharedAnswers } = this.#context
    const { after, topics } = query
    const keyAt = (position: Position): string => JSON.stringify([position, topics, format])
    const read = async (): Promise<ReadPage> => {
      const { era } = sharedAnswers
      const page = readPageOf(await log.read(query), this.#selection, format)
      if (charsOf(page) === undefined) return page
      // a stream whose sink is full continues in the middle of the page
      for (let { parts = [] } = page; parts.length > 1;) {
        const [first, ...rest] = parts as readonly [Part, ...Part[]]
        sharedAnswers.keep(keyAt(first.end), { ...page, parts: rest }, (rest[0] as Part).frame.size, era)
        parts = rest
      }
      return page
    }
    return sharedAnswers.find(keyAt(after), read, charsOf)
  }

  /** Delivers what matches up to `next`. False when the receiver has no room, or has stopped this follower. */
  #deliver(some: readonly KeptEntry[] | Part, next: Position, source: "window" | "log"): boolean {
    this.#position = next
    const hasRoom =
      "frame" in some
        ? this.#receiver.parts?.onPart(some, source) !== false
        : some.length === 0 || this.#receiver.onEntries(some, source)
    if (this.#isStopped()) return false
    if (!hasRoom) this.#state = "full"
    return hasRoom
  }

  /** Reports a loss, unless the receiver knows it or missed nothing. False as for `#deliver`. */
  #report(lost: Loss): boolean {
    const losses = (this.#losses ??= new LossTracker({}))
    const from = losses.given ?? this.#position
    const to = losses.missed(lost, this.#position)
    // a start before everything is one in each epoch
    if (lost.reason !== "trimmed") this.#position = to === undefined ? epochStart(lost.to) : lost.to
    const hasRoom = to === undefined || this.#receiver.onLost({ ...lost, to }, from)
    if (this.#isStopped()) return false
    if (!hasRoom) this.#state = "full"
    return hasRoom
  }

  /** One synchronous step: what arrives after it is delivered by the receiver's own live source, and nothing before it. */
  #goLive(): void {
    this.#losses = undefined
    this.#state = "live"
    this.#receiver.onLive()
  }

  /** The part of a loss that the selection covers. */
  async #concerning(lost: Loss): Promise<Loss> {
    if (!lost.topics) return lost
    return {
      ...lost,
      topics: new Map(await this.#matching([...lost.topics], ([topic]) => this.#selection.concerns(topic))),
    }
  }

  /** Matching thousands of topics with a hundred patterns can take many turns. */
  async #matching<T>(items: readonly T[], matches: (item: T) => boolean): Promise<T[]> {
    const { turns } = this.#context
    const matching: T[] = []
    for (const item of items) {
      if (this.#selection.hasPatterns && turns.isOver) await turns.next()
      if (this.#isStopped()) break
      if (matches(item)) matching.push(item)
    }
    return matching
  }

  #waitForTail(): void {
    this.#state = "waiting"
    this.#context.tail.waiting.add(this)
    this.#context.tail.wake()
  }

  /** Asks the log until it answers; undefined when the follower has stopped. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    this.#state = "asking"
    const context = this.#context
    const receiver = this.#receiver
    while (context.turns.isOver && !this.#isStopped()) await context.turns.next()
    const answer = await context.retryUntil(
      async () => {
        try {
          return await question()
        } catch (error) {
          if (!this.#isStopped()) receiver.onError?.(error)
          throw error
        }
      },
      () => this.#isStopped() || context.isClosed,
    )
    if (this.#isStopped()) return undefined
    if (answer === undefined || context.isClosed) {
      this.stop()
      receiver.onEnd()
      return undefined
    }
    this.#state = "reading"
    return answer
  }

  /** A method, because the compiler does not see that a callback changes the state. */
  #isStopped(): boolean {
    return this.#state === "stopped"
  }
}

/** The position before everything in the epoch of `position`. */
export const epochStart = (position: Position): Position => formatPosition(parsePosition(position)?.epoch ?? "", 0)

/** What was found in the window: encoded for a receiver of parts. */
interface Found {
  readonly found: Part | readonly KeptEntry[]
  /** The position up to which was searched. */
  readonly next: Position
  /** Whether that is the end of the window. */
  readonly isLast: boolean
}

/** A page as streams share it: with its entries, or encoded with those that are wanted on its topics. */
interface ReadPage extends Omit<Page, "entries"> {
  readonly kept: readonly KeptEntry[]
  readonly parts?: readonly Part[]
  /** Position of the last of the encoded entries. */
  readonly last: Position
  readonly count: number
  readonly chars: number
}

/**
 * Encodes a page at once: it is kept for streams that read it shortly after, and thousands of small objects that outlive a collection cost
 * more than reading them.
 */
function readPageOf({ entries, ...page }: Page, selection: Reader, format?: TextFormat): ReadPage {
  const count = entries.length
  const chars = entries.reduce((sum, entry) => sum + sizeOf(entry), 0)
  if (!format) return { ...page, kept: entries.map((entry) => new KeptEntry(entry)), last: "", count, chars }
  const wanted = entries.filter((entry) => selection.wants(entry))
  const parts = [
    ...cut(
      wanted,
      (entry) => encodeEntry(entry, format),
      ({ position }) => position,
    ),
  ]
  for (const { frame } of parts) frame.encode()
  return { ...page, kept: [], parts, last: parts.at(-1)?.end ?? "", count, chars }
}

/** Another stream can read a page a moment later, but not that its position is unknown, or that nothing follows: that changes. */
function charsOf({ count, chars, lost, parts }: ReadPage): number | undefined {
  const isLasting = count > 0 && (!lost || lost.reason === "trimmed")
  // the other parts count where they begin
  return isLasting ? (parts?.[0]?.frame.size ?? chars) : undefined
}

/** As many entries as make a few slices: entries can be large, and many followers can read at once. */
function nextPageSize(size: number, { count, chars }: ReadPage): number {
  const fit = Math.ceil((count * 4 * PART_CHARS) / (chars + 1))
  return Math.max(1, Math.min(MAX_PAGE, size * 2, fit || MAX_PAGE))
}
