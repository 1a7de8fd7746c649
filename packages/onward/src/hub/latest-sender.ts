import type { Position } from "../message.ts"
import type { Audience } from "./audience.ts"
import type { HubContext } from "./hub-context.ts"
import type { KeptEntry } from "./kept-entry.ts"
import { findLatest, readEntries } from "./latest.ts"
import { findNewestByKey, type KeyOf } from "./newest-by-key.ts"

/** How many entries are read for one write. Only their positions are in memory, so a client that does not read costs no entries. */
const AT_ONCE = 16

export interface LatestReceiver {
  /** Takes all of `entries`. False when it has no room for more, until `resume`. */
  onEntries(entries: readonly KeptEntry[], source: "window" | "log"): boolean
  /** It has the newest entry of each topic up to `position`, and is to receive everything after it. */
  onLatest(position: Position): void
}

/** Sends the newest entry of each topic of an audience, or of each key, in the order of the log. */
export class LatestSender {
  readonly #context: HubContext
  readonly #audience: Audience
  readonly #receiver: LatestReceiver
  readonly #keyOf: KeyOf | undefined
  #hasRoom: PromiseWithResolvers<void> | undefined
  #isStopped = false

  /** @param keyOf undefined for the newest of each topic */
  constructor(context: HubContext, audience: Audience, receiver: LatestReceiver, keyOf?: KeyOf) {
    this.#keyOf = keyOf
    this.#context = context
    this.#audience = audience
    this.#receiver = receiver
  }

  /** Whether it waits for room. */
  get isFull(): boolean {
    return this.#hasRoom !== undefined
  }

  /**
   * Sends the entries after `after`, if it is given, until it has reached the tail. Begins when `resume` is called, if `isPaused`.
   */
  start(after: Position = "", isPaused = false): void {
    if (isPaused) this.#hasRoom = Promise.withResolvers()
    void this.#run(after)
  }

  resume(): void {
    this.#hasRoom?.resolve()
    this.#hasRoom = undefined
  }

  stop(): void {
    this.#isStopped = true
    this.resume()
  }

  async #run(after: Position): Promise<void> {
    const { tail } = this.#context
    await tail.ready
    await this.#hasRoom?.promise
    for (let sent = after; ;) {
      const end = tail.position
      const positions = await this.#ask(() => this.#find(sent))
      if (!positions) return
      for (const some of parts(positions.filter((position) => position > sent && position <= end))) {
        const entries = await this.#ask(() => readEntries(this.#context, some))
        if (!entries) return
        if (entries.length === 0 || this.#receiver.onEntries(entries, "window")) continue
        if (this.#isStopped) return
        this.#hasRoom = Promise.withResolvers()
        await this.#hasRoom.promise
      }
      if (this.#isOver()) return
      // while it waited for room, newer entries have replaced those that it was about to send
      if (end === tail.position) return this.#receiver.onLatest(end)
      sent = end
    }
  }

  #find(after: Position): Promise<readonly Position[] | undefined> {
    const keyOf = this.#keyOf
    return keyOf
      ? findNewestByKey(this.#context, this.#audience, { keyOf, after, isOver: this.#isOver })
      : findLatest(this.#context, this.#audience, this.#isOver)
  }

  /** Undefined when it has stopped. */
  async #ask<T>(question: () => Promise<T>): Promise<T | undefined> {
    const answer = await this.#context.retryUntil(question, this.#isOver)
    return this.#isOver() ? undefined : answer
  }

  readonly #isOver = (): boolean => this.#isStopped || this.#context.isClosed
}

function* parts(positions: readonly Position[]): Generator<readonly Position[]> {
  for (let at = 0; at < positions.length; at += AT_ONCE) yield positions.slice(at, at + AT_ONCE)
}
