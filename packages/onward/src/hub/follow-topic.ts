import { OnwardError } from "../errors.ts"
import type { Loss } from "../log/index.ts"
import type { Entry, Position } from "../message.ts"
import { epochStart, Follower, type FollowStart, type Receiver } from "./follower.ts"
import type { ReaderContext, LogInternals } from "./hub-context.ts"
import type { KeptEntry } from "./kept-entry.ts"
import type { TailListener } from "./tail-listeners.ts"
import type { Reader } from "./window.ts"

/** Receives the entries of one topic, each once and in order. Its methods must not throw. */
export interface TopicReceiver {
  /** Takes all of `entries`. False when it has no room for more, until `resume`. */
  onEntries(entries: readonly Entry[]): boolean
  /** Entries up to `loss.to` are lost, before they were received. */
  onLost(loss: Loss): void
  /** Nothing will follow: the hub is closed, or cannot use its log. */
  onEnd?(): void
}

/** `"earliest"`: before everything the log ever held, so that what it has removed is reported as lost. */
export type TopicStart = "earliest" | "live" | { readonly after: Position }

export interface FollowedTopic {
  /** Resolves when everything that the log holds now was received. Rejects with what the log rejects with. */
  refresh(): Promise<void>
  /** The receiver has room again. */
  resume(): void
  stop(): void
}

/** Follows one topic: reads what the log holds, then receives from the tail, which reads once for the whole process. */
export function followTopic(
  { context }: Pick<LogInternals, "context">,
  topic: string,
  start: TopicStart,
  receiver: TopicReceiver,
): FollowedTopic {
  return new TopicFollower(context, topic, start, receiver)
}

class TopicFollower implements FollowedTopic, Receiver, TailListener, Reader {
  readonly topics: readonly string[]
  readonly hasPatterns = false
  readonly #context: ReaderContext
  readonly #receiver: TopicReceiver
  readonly #follower: Follower
  /** Those that wait until it is live. */
  readonly #waiting = new Set<PromiseWithResolvers<void>>()
  /** Up to here, entries were received before it listened to the tail. */
  #joinedAt: Position = ""
  #leaveTail = (): void => {}
  #isOver = false

  constructor(context: ReaderContext, topic: string, start: TopicStart, receiver: TopicReceiver) {
    this.topics = [topic]
    this.#context = context
    this.#receiver = receiver
    this.#follower = new Follower(context, this, this)
    context.onClose.add(this.onEnd)
    void this.#start(start)
  }

  async #start(start: TopicStart): Promise<void> {
    const { tail } = this.#context
    await tail.ready
    if (this.#isOver) return
    if (tail.isReady) this.#follower.start(resolve(start, tail.position))
    else this.onEnd()
  }

  logTopics(): readonly string[] {
    return this.topics
  }

  wants({ topic }: Entry): boolean {
    return topic === this.topics[0]
  }

  concerns(logTopic: string): boolean {
    return logTopic === "*" || logTopic === this.topics[0]
  }

  async refresh(): Promise<void> {
    await this.#context.tail.reachEnd()
    if (this.#follower.isLive) return
    if (this.#isOver) throw ended()
    const live = Promise.withResolvers<void>()
    this.#waiting.add(live)
    await live.promise
  }

  resume(): void {
    this.#follower.resume()
  }

  stop(): void {
    this.#isOver = true
    this.#follower.stop()
    this.#leaveTail()
    this.#context.onClose.delete(this.onEnd)
    this.#settle((each) => each.reject(ended()))
  }

  // As the receiver of a follower.

  onEntries(entries: readonly KeptEntry[]): boolean {
    return this.#receiver.onEntries(entries.map(({ entry }) => entry))
  }

  onLost(loss: Loss): boolean {
    this.#receiver.onLost(loss)
    return true
  }

  onLive(): void {
    const { tail, tailListeners } = this.#context
    this.#joinedAt = tail.position
    this.#leaveTail = tailListeners.add(this, this.topics[0])
    this.#settle((each) => each.resolve())
  }

  onError(error: unknown): void {
    this.#settle((each) => each.reject(error))
  }

  readonly onEnd = (): void => {
    if (this.#isOver) return
    this.stop()
    this.#receiver.onEnd?.()
  }

  // As a listener of the tail.

  onEntry(entry: Entry): void {
    // it can join while the tail delivers an entry that it has read from the window already
    if (entry.position <= this.#joinedAt || this.#receiver.onEntries([entry]) || this.#isOver) return
    this.#leaveTail()
    this.#follower.pauseAt(entry.position)
  }

  onInterrupt(position: Position): void {
    this.#leaveTail()
    this.#follower.catchUp(position)
  }

  #settle(settle: (each: PromiseWithResolvers<void>) => void): void {
    for (const each of this.#waiting) settle(each)
    this.#waiting.clear()
  }
}

function resolve(start: TopicStart, end: Position): FollowStart {
  if (start === "live") return { position: end }
  if (start !== "earliest") return { position: start.after }
  return { position: epochStart(end), isFirst: true }
}

const ended = (): OnwardError => new OnwardError("hub_closed", "The hub is closed. Ask another process.")
