import { OnwardError } from "../errors.ts"
import type { Frame } from "../frame.ts"
import { inSameEpoch, type Appended, type Page } from "../log/index.ts"
import { entryOf, type Entry, type Position, type StoredMessage } from "../message.ts"
import { checkpoint } from "./control.ts"
import { isOnMany, MANY, unfile } from "./filing.ts"
import { epochStart } from "./follower.ts"
import type { ReaderContext, TailState, TailWaiter } from "./hub-context.ts"

const PAGE = 1_000
/** How many entries are delivered between two looks at the clock: looking is not free, and reading back costs more than delivering. */
const LOOKS = 8
/** How many of the newest entries a process reads into its window when it starts. */
const RECENT = 1_000

/** Reads the end of the log, once per process, and delivers each entry to the window, the fan-out and the tail listeners, in order. */
export class Tail implements TailState {
  position: Position = ""
  readonly #ready = Promise.withResolvers<void>()
  isReady = false
  hasMany = false
  readonly waiting: Set<TailWaiter> = new Set()
  readonly #context: Omit<ReaderContext, "tail">
  /** Calls of `reachEnd` that wait until the tail has moved. */
  readonly #reaching = new Set<PromiseWithResolvers<void>>()
  #hasFailed = false
  #reading = false
  #again = false
  #isScheduled = false
  #mustRead = false
  #newest: Position = ""
  #checkpoint: Frame | undefined
  #unwatch: (() => Promise<void>) | undefined

  constructor(context: Omit<ReaderContext, "tail">) {
    this.#context = context
  }

  get ready(): Promise<void> {
    return this.#ready.promise
  }

  get checkpoint(): Frame {
    return (this.#checkpoint ??= checkpoint(this.position))
  }

  start(): void {
    void this.#begin().then(this.#ready.resolve)
  }

  async #begin(): Promise<void> {
    const context = this.#context
    const isOver = () => context.isClosed
    const bounds = await context.retryUntil(() => context.log.bounds(), isOver)
    if (!bounds) this.#hasFailed = true
    if (!bounds || context.isClosed) return
    this.position = bounds.last
    this.hasMany = await this.#findMany(bounds.last)
    await this.#remember(bounds.last)
    if (context.isClosed) return
    this.isReady = true
    void this.#watch(isOver)
  }

  /** Whether the log has, or had, entries with several topics. When it does not answer, they are assumed. */
  async #findMany(last: Position): Promise<boolean> {
    const { log } = this.#context
    try {
      for (let after = epochStart(last); ;) {
        const { entries, next, lost } = await log.read({ after, topics: [MANY], limit: 1 })
        if (entries.length > 0 || lost) return true
        if (next === after || next >= last) return false
        after = next
      }
    } catch {
      return true
    }
  }

  /**
   * Reads the newest entries up to `last` into the window. When another process ends, its clients reconnect here together, and what they
   * missed is then not read for each of them. The hub works without it, so it is not retried.
   */
  async #remember(last: Position): Promise<void> {
    const { log, window } = this.#context
    try {
      let after = (await log.locate({ last: RECENT })) ?? last
      window.reset(after)
      while (inSameEpoch(after, last) && after < last) {
        const { entries, next, lost } = await log.read({ after, limit: PAGE })
        if (lost || next === after) break
        for (const entry of entries) if (entry.position <= last) window.push(entry)
        after = next
      }
      window.end = last
      if (inSameEpoch(after, last) && after >= last) return
    } catch {
      // the next read reports the error
    }
    window.reset(last)
  }

  async #watch(isOver: () => boolean): Promise<void> {
    const { log } = this.#context
    const unwatch = await this.#context.retryUntil(() => log.watch((newest) => this.wake(newest)), isOver)
    if (isOver()) await unwatch?.()
    else this.#unwatch = unwatch
    // what was stored before the watch began
    this.wake()
  }

  wake(newest?: Position): void {
    if (newest === undefined || !inSameEpoch(newest, this.position)) this.#mustRead = true
    else if (newest > this.#newest) this.#newest = newest
    if (this.#isScheduled || !this.isReady) return
    this.#isScheduled = true
    // later: what this process appended itself arrives without a read
    this.#context.clock.turn(() => {
      this.#isScheduled = false
      const target = this.#mustRead ? undefined : this.#newest
      this.#mustRead = false
      if (target === undefined || target > this.position) void this.#read(target)
    })
  }

  /** Delivers what this process appended: directly when nothing lies in between, else it is read back. */
  appended(messages: readonly StoredMessage[], { positions, previous, time }: Appended): void {
    if (!this.isReady) return
    if (this.#reading || previous !== this.position) return this.wake()
    for (let i = 0; i < messages.length; i++) {
      // the rest of a large batch that many patterns are matched with is read back, in later turns
      if (i > 0 && i % LOOKS === 0 && this.#context.turns.isOver) return this.wake()
      const position = positions[i] as Position
      // a repeat has the position of an earlier entry
      if (position <= this.position) continue
      const entry = unfile(entryOf(messages[i] as StoredMessage, position, time))
      if (this.#context.fanOut.isLarge(entry)) return this.wake()
      this.#arrive(entry)
    }
    this.#moved()
  }

  async #read(target: Position | undefined): Promise<void> {
    if (this.#reading) {
      this.#again = true
      return
    }
    this.#reading = true
    await this.#readTo(target)
    while (this.#again && !this.#context.isClosed) {
      this.#again = false
      await this.#readTo(undefined)
    }
    this.#reading = false
  }

  /** Reads pages up to `target`, or to the end. A page can end early, so the end is where `next` does not move. */
  async #readTo(target: Position | undefined): Promise<void> {
    const context = this.#context
    for (;;) {
      const before = this.position
      const page = await context.retryUntil(
        () => this.#ask(before),
        () => context.isClosed,
      )
      if (!page) this.#hasFailed = true
      if (!page || context.isClosed) return this.#settle((each) => each.resolve())
      // something was removed before this process read it: the window has a hole, and each follower reads the log itself
      if (page.lost) this.#restart(page.lost.to)
      else {
        for (const entry of page.entries) {
          if (context.turns.isOver) await context.turns.next()
          if (context.fanOut.isLarge(entry)) await context.fanOut.prepare(entry, context.turns)
          if (context.isClosed) return
          this.#arrive(entry)
        }
        if (page.next > this.position) this.position = context.window.end = page.next
        this.#checkpoint = undefined
        this.#moved()
        if (page.next === before || (target !== undefined && page.next >= target)) return
      }
      await new Promise<void>((resolve) => context.clock.turn(resolve))
    }
  }

  async #ask(after: Position): Promise<Page> {
    try {
      return await this.#context.log.read({ after, limit: PAGE })
    } catch (error) {
      this.#settle((each) => each.reject(error))
      throw error
    }
  }

  #arrive(entry: Entry): void {
    this.position = entry.position
    this.#checkpoint = undefined
    this.hasMany ||= isOnMany(entry)
    this.#context.fanOut.arrive(this.#context.window.push(entry))
    this.#context.tailListeners.arrive(entry)
  }

  #restart(position: Position): void {
    const { fanOut, tailListeners, window } = this.#context
    const before = this.position
    this.position = position
    this.hasMany = true
    this.#newest = ""
    this.#checkpoint = undefined
    window.reset(position)
    fanOut.interrupt(before)
    tailListeners.interrupt(before)
    this.#moved()
  }

  #moved(): void {
    this.#settle((each) => each.resolve())
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const waiter of waiting) waiter.onTail()
  }

  async reachEnd(): Promise<void> {
    const { log } = this.#context
    const check = (): void => {
      if (this.#isOver) throw new OnwardError("hub_closed", "The hub is closed. Ask another process.")
    }
    check()
    let { last } = await log.bounds()
    await this.ready
    for (;;) {
      check()
      if (inSameEpoch(last, this.position) && last <= this.position) return
      const waiter = Promise.withResolvers<void>()
      this.#reaching.add(waiter)
      this.wake(last)
      await waiter.promise
      // the log can begin one epoch after another
      if (!inSameEpoch(last, this.position)) last = (await log.bounds()).last
    }
  }

  /** Whether nothing is read any more. */
  get #isOver(): boolean {
    return this.#context.isClosed || this.#hasFailed
  }

  #settle(settle: (each: PromiseWithResolvers<void>) => void): void {
    for (const each of this.#reaching) settle(each)
    this.#reaching.clear()
  }

  async stop(): Promise<void> {
    this.#settle((each) => each.resolve())
    await this.#unwatch?.()
  }
}
