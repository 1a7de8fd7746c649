import type { Frame } from "../frame.ts"
import { inSameEpoch, type Appended } from "../log/index.ts"
import type { Entry, Position, StoredMessage } from "../message.ts"
import { checkpoint } from "./control.ts"
import type { Context, TailState, TailWaiter } from "./context.ts"

const PAGE = 1_000
/** How many of the newest entries a process begins with in its window. */
const RECENT = 1_000

/** Follows the end of the log, once per process, and hands every entry to the window and the fan-out, in order. */
export class Tail implements TailState {
  position: Position = ""
  readonly ready: Promise<void>
  isReady = false
  readonly waiting: Set<TailWaiter> = new Set()
  readonly #core: Context
  #reading = false
  #again = false
  #isScheduled = false
  #mustRead = false
  #newest: Position = ""
  #checkpoint: Frame | undefined
  #unwatch: (() => Promise<void>) | undefined

  constructor(core: Context) {
    this.#core = core
    this.ready = this.#start()
  }

  get checkpoint(): Frame {
    return (this.#checkpoint ??= checkpoint(this.position))
  }

  async #start(): Promise<void> {
    const core = this.#core
    const isOver = () => core.isClosed
    const bounds = await core.retryUntil(() => core.log.bounds(), isOver)
    if (!bounds || core.isClosed) return
    this.position = bounds.last
    await this.#remember(bounds.last)
    if (core.isClosed) return
    this.isReady = true
    void this.#watch(isOver)
  }

  /**
   * Puts the newest entries up to `last` into the window: those whom another process let go come here all at once, and what
   * they missed lately need not be read for each of them. Without it all is well too, so nothing is tried twice.
   */
  async #remember(last: Position): Promise<void> {
    const { log, window } = this.#core
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
      // whatever it is, the next question tells
    }
    window.reset(last)
  }

  async #watch(isOver: () => boolean): Promise<void> {
    const { log } = this.#core
    const unwatch = await this.#core.retryUntil(() => log.watch((newest) => this.wake(newest)), isOver)
    if (isOver()) await unwatch?.()
    else this.#unwatch = unwatch
    // what came before the log knew who to wake
    this.wake()
  }

  wake(newest?: Position): void {
    if (newest === undefined || !inSameEpoch(newest, this.position)) this.#mustRead = true
    else if (newest > this.#newest) this.#newest = newest
    if (this.#isScheduled || !this.isReady) return
    this.#isScheduled = true
    // not at once: what this process appended itself is about to arrive without being read
    this.#core.clock.turn(() => {
      this.#isScheduled = false
      const target = this.#mustRead ? undefined : this.#newest
      this.#mustRead = false
      if (target === undefined || target > this.position) void this.#read(target)
    })
  }

  /** What this process appended: taken as it is when nothing lies between, else read back. */
  appended(messages: readonly StoredMessage[], { positions, previous, time }: Appended): void {
    if (!this.isReady) return
    if (this.#reading || previous !== this.position) return this.wake()
    for (const [i, message] of messages.entries()) {
      // of a large batch that many patterns are tried for, the rest is read back, over as many turns as it takes
      if (i > 0 && this.#core.turns.isOver) return this.wake()
      const position = positions[i] as Position
      // a repeat has the position of an entry that is there already
      if (position > this.position) this.#arrive({ ...message, position, time })
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
    while (this.#again && !this.#core.isClosed) {
      this.#again = false
      await this.#readTo(undefined)
    }
    this.#reading = false
  }

  /** Reads pages up to `target`, or as long as there is more: a page may end early, so only a read that gets nowhere is the end. */
  async #readTo(target: Position | undefined): Promise<void> {
    const core = this.#core
    for (;;) {
      const before = this.position
      const page = await core.retryUntil(
        () => core.log.read({ after: before, limit: PAGE }),
        () => core.isClosed,
      )
      if (!page || core.isClosed) return
      // something was removed before this process saw it: the window has a hole, and each cursor must find out for itself
      if (page.lost) this.#restart(page.lost.to)
      else {
        for (const entry of page.entries) {
          if (core.turns.isOver) await core.turns.next()
          if (core.isClosed) return
          this.#arrive(entry)
        }
        if (page.next > this.position) this.position = core.window.end = page.next
        this.#checkpoint = undefined
        this.#moved()
        if (page.next === before || (target !== undefined && page.next >= target)) return
      }
      await new Promise<void>((resolve) => core.clock.turn(resolve))
    }
  }

  #arrive(entry: Entry): void {
    this.position = entry.position
    this.#checkpoint = undefined
    this.#core.window.push(entry)
    this.#core.fanOut.arrive(entry)
    this.#core.tailListeners.arrive(entry)
  }

  #restart(position: Position): void {
    const { fanOut, tailListeners, window } = this.#core
    const before = this.position
    this.position = position
    this.#newest = ""
    this.#checkpoint = undefined
    window.reset(position)
    fanOut.interrupt(before)
    tailListeners.interrupt()
    this.#moved()
  }

  #moved(): void {
    if (this.waiting.size === 0) return
    const waiting = [...this.waiting]
    this.waiting.clear()
    for (const cursor of waiting) cursor.onTail()
  }

  async stop(): Promise<void> {
    await this.#unwatch?.()
  }
}
