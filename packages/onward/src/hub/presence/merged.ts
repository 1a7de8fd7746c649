import type { Clock } from "../../clock.ts"
import { SortedIds } from "./sorted-ids.ts"

/** A change of one process on a topic. */
export interface Difference {
  readonly topic: string
  /** How many streams more; negative for fewer. */
  readonly streams: number
  /** Users that the process has now, and had not before. */
  readonly came: readonly string[]
  /** Users that the process has no longer. */
  readonly went: readonly string[]
}

/** The streams and users of a topic, in all processes that share the log. */
export interface PresenceState {
  /** Streams that name the topic. A stream with only a pattern for it is not counted. */
  readonly streams: number
  /** The `userId` of their subscriptions, deduplicated and sorted. */
  readonly userIds: readonly string[]
}

/** What happened on a topic, in any of the processes that share the log. */
export interface PresenceChange {
  /**
   * `occupied`: the topic has its first stream. `joined`: a user has its first stream on the topic. `left`: the user has had no stream for
   * `presence.grace`. `vacated`: the topic has had no stream for `presence.grace`.
   */
  readonly kind: "occupied" | "joined" | "left" | "vacated"
  readonly topic: string
  /** With `joined` and `left`. */
  readonly userId?: string
  /** Streams on the topic after the change. */
  readonly streams: number
}

interface User {
  /** In how many processes. */
  processes: number
  isTold: boolean
  /** When it leaves, unless it has returned by then. */
  leavesAt: number
}

interface Topic {
  streams: number
  isTold: boolean
  readonly users: Map<string, User>
  /** The users that count. */
  readonly userIds: SortedIds
  /** Earlier, larger numbers of streams, each of which counts until a time; larger ones first, and until earlier. */
  held: { until: number; readonly streams: number }[]
  /** Users to look at in the next turn. */
  readonly touched: Set<string>
}

/** Numbers of streams that fell within this part of the grace period are held until the same time. */
const STEPS = 16
/** Most users whose grace period ends in one turn of the event loop. */
const MAX_LEFT = 1_000

export interface MergedPresenceOptions {
  readonly clock: Clock
  /** In ms. */
  readonly grace: number
  /** The state of a topic has changed; once per turn. */
  readonly onState: (topic: string) => void
  readonly onChange: (change: PresenceChange) => void
}

/**
 * The presence of all processes together. An increase counts at once; a decrease when it has lasted for the grace period. All changes of
 * one turn of the event loop count together, so a report that replaces another is no leave and join.
 */
export class MergedPresence {
  readonly #options: MergedPresenceOptions
  readonly #topics = new Map<string, Topic>()
  readonly #touched = new Set<string>()
  /** Topics to look at when the grace period of something on them ends, in order of time. */
  #due: { readonly at: number; readonly topic: string; readonly userId?: string }[] = []
  #cancel: (() => void) | undefined
  #isClosed = false

  constructor(options: MergedPresenceOptions) {
    this.#options = options
  }

  apply({ topic: name, streams, came, went }: Difference): void {
    let topic = this.#topics.get(name)
    if (!topic) {
      topic = { streams: 0, isTold: false, users: new Map(), userIds: new SortedIds(), held: [], touched: new Set() }
      this.#topics.set(name, topic)
    }
    if (streams < 0) this.#hold(name, topic)
    topic.streams += streams
    for (const userId of came) {
      const user = topic.users.get(userId)
      if (user) user.processes++
      else topic.users.set(userId, { processes: 1, isTold: false, leavesAt: Infinity })
      topic.userIds.set(userId, true)
      topic.touched.add(userId)
    }
    for (const userId of went) {
      const user = topic.users.get(userId)
      if (user && --user.processes === 0 && this.#options.grace === 0) topic.userIds.set(userId, false)
      topic.touched.add(userId)
    }
    this.#touch(name)
  }

  of(name: string): PresenceState {
    const topic = this.#topics.get(name)
    if (!topic) return { streams: 0, userIds: [] }
    return { streams: this.#streams(topic), userIds: topic.userIds.read() }
  }

  /** Equal as long as the state of a topic is. */
  versionOf(name: string): string {
    const topic = this.#topics.get(name)
    return topic ? `${this.#streams(topic)} ${topic.userIds.version}` : "0 0"
  }

  /** The changes that would lead from nothing to what was reported so far. */
  *told(matches: (topic: string) => boolean): Generator<PresenceChange> {
    for (const [name, topic] of this.#topics) {
      if (!topic.isTold || !matches(name)) continue
      const streams = this.#streams(topic)
      yield { kind: "occupied", topic: name, streams }
      for (const [userId, { isTold }] of topic.users) {
        if (isTold) yield { kind: "joined", topic: name, userId, streams }
      }
    }
  }

  close(): void {
    this.#isClosed = true
    this.#cancel?.()
  }

  #streams({ streams, held }: Topic): number {
    return Math.max(streams, held[0]?.streams ?? 0)
  }

  /** The number of streams is about to fall: it counts for the grace period. */
  #hold(name: string, topic: Topic): void {
    const { clock, grace } = this.#options
    if (grace === 0) return
    const { held, streams } = topic
    const until = clock.monotonic() + grace
    while (held.length > 0 && (held.at(-1)?.streams ?? 0) <= streams) held.pop()
    const last = held.at(-1)
    // the last stream is held exactly as long as promised
    if (last && streams > 1 && until - last.until < grace / STEPS) return
    held.push({ until, streams })
    this.#wake({ at: until, topic: name })
  }

  /** The topic is looked at in the next turn. */
  #touch(name: string): void {
    if (this.#touched.size === 0) this.#options.clock.turn(this.#tell)
    this.#touched.add(name)
  }

  readonly #tell = (): void => {
    if (this.#isClosed) return
    const names = [...this.#touched]
    this.#touched.clear()
    for (const name of names) {
      const topic = this.#topics.get(name)
      if (topic) this.#look(name, topic, [...topic.touched])
    }
  }

  /** Reports what has changed on a topic, with these users of it. */
  #look(name: string, topic: Topic, userIds: Iterable<string>): void {
    const { clock, grace, onChange, onState } = this.#options
    const now = clock.monotonic()
    topic.touched.clear()
    while (topic.held[0] && topic.held[0].until <= now) topic.held.shift()
    const streams = this.#streams(topic)
    if (streams > 0 && !topic.isTold) {
      topic.isTold = true
      onChange({ kind: "occupied", topic: name, streams })
    }
    let left = 0
    // without streams a topic has no users
    for (const userId of streams > 0 ? userIds : topic.users.keys()) {
      if (streams === 0 && left++ === MAX_LEFT) return this.#touch(name)
      const user = topic.users.get(userId)
      if (!user) continue
      if (user.processes > 0) {
        user.leavesAt = Infinity
        if (!user.isTold) onChange({ kind: "joined", topic: name, userId, streams })
        user.isTold = true
      } else if (!user.isTold || grace === 0 || user.leavesAt <= now || streams === 0) {
        topic.users.delete(userId)
        topic.userIds.set(userId, false)
        if (user.isTold) onChange({ kind: "left", topic: name, userId, streams })
      } else if (user.leavesAt === Infinity) {
        user.leavesAt = now + grace
        this.#wake({ at: user.leavesAt, topic: name, userId })
      }
    }
    if (streams === 0) {
      this.#topics.delete(name)
      if (topic.isTold) onChange({ kind: "vacated", topic: name, streams })
    }
    onState(name)
  }

  #wake(due: { at: number; topic: string; userId?: string }): void {
    this.#due.push(due)
    this.#cancel ??= this.#options.clock.after(this.#options.grace, this.#onTime)
  }

  readonly #onTime = (): void => {
    this.#cancel = undefined
    const { clock } = this.#options
    const now = clock.monotonic()
    let count = 0
    const looks = new Map<string, string[]>()
    for (const { at, topic, userId } of this.#due) {
      if (at > now || count === MAX_LEFT) break
      count++
      const users = looks.get(topic) ?? []
      looks.set(topic, users)
      if (userId !== undefined) users.push(userId)
    }
    this.#due = this.#due.slice(count)
    for (const [name, users] of looks) {
      const topic = this.#topics.get(name)
      if (topic) this.#look(name, topic, [...users, ...topic.touched])
    }
    const [next] = this.#due
    if (next && !this.#isClosed) this.#cancel = clock.after(Math.max(1, next.at - now), this.#onTime)
  }
}
