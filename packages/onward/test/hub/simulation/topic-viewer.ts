import {
  followTopic,
  internalsOf,
  type FollowedTopic,
  type Hub,
  type TopicReceiver,
  type TopicStart,
} from "../../../src/hub/index.ts"
import type { Loss } from "../../../src/log/index.ts"
import type { Entry, Position } from "../../../src/message.ts"
import { lifeOf, type Fact, type Store } from "./store.ts"
import type { World } from "./world.ts"

interface SeenLoss extends Loss {
  /** How many entries had been received before it. */
  readonly after: number
}

/**
 * A receiver of one topic inside a process: as a run's replica it takes everything from the first entry, as presence it begins live, and as an
 * MCP stream it has little room and begins at a position.
 */
export class TopicViewer implements TopicReceiver {
  readonly topic: string
  readonly received: Entry[] = []
  readonly losses: SeenLoss[] = []
  isFull = false
  hasEnded = false
  readonly #world: World
  readonly #store: Store
  readonly #start: TopicStart
  /** How often it has no room for more, in percent. */
  readonly #fullPercent: number
  /** How many entries had been stored when it began. */
  readonly #began: number
  readonly #followed: FollowedTopic
  #isStopped = false

  constructor(world: World, store: Store, hub: Hub, topic: string) {
    const { chance } = world
    this.topic = topic
    this.#world = world
    this.#store = store
    this.#began = store.facts.length
    const known = store.facts.length > 0 ? chance.pick(store.facts).position : undefined
    this.#start = chance.pick(["earliest", "live", known === undefined ? "live" : { after: known }])
    this.#fullPercent = this.#start === "live" ? 0 : chance.pick([0, 30, 100])
    this.#followed = followTopic(internalsOf(hub), topic, this.#start, this)
  }

  onEntries(entries: readonly Entry[]): boolean {
    if (this.isFull) throw new Error("received entries without room")
    if (this.#isStopped || this.hasEnded) throw new Error("received entries after the end")
    this.received.push(...entries)
    for (const { data } of entries) this.#world.note(`t${data}`)
    if (!this.#world.chance.percent(this.#fullPercent)) return true
    this.isFull = true
    this.#world.soon(() => {
      this.isFull = false
      this.#followed.resume()
    })
    return false
  }

  onLost(loss: Loss): void {
    this.losses.push({ ...loss, after: this.received.length })
  }

  onEnd(): void {
    this.hasEnded = true
  }

  get isOver(): boolean {
    return this.#isStopped || this.hasEnded
  }

  stop(): void {
    this.#isStopped = true
    this.#followed.stop()
  }

  /** Everything stored before this call must be known when it resolves. Rejects when the store is away. */
  async refresh(): Promise<string | undefined> {
    const stored = this.#store.facts.length
    try {
      await this.#followed.refresh()
    } catch {
      return undefined
    }
    return this.missing(stored)
  }

  /** What went wrong, if anything did. `kept` is the data of all entries that are kept in the end. */
  fault(kept: ReadonlySet<string>, isCalm: boolean): string | undefined {
    const { facts } = this.#store
    const seen = this.received.map(({ position }) => facts.findIndex((fact) => fact.position === position))
    for (const [i, at] of seen.entries()) {
      const before = seen[i - 1] ?? -1
      if (at <= before) return `received entry ${at} after entry ${before}`
      if (facts[at]?.topic !== this.topic) return `received an entry of ${facts[at]?.topic}`
    }
    for (const loss of this.losses) {
      if (loss.reason !== "trimmed") continue
      const isTrue = facts.some(
        (fact, at) => fact.topic === this.topic && isIn(fact, loss) && (!seen.includes(at) || !kept.has(fact.data)),
      )
      if (!isTrue) return `was told of a loss up to ${loss.to}, in which nothing is missing`
    }
    return this.missing(isCalm ? facts.length : (seen.at(-1) ?? -1) + 1)
  }

  /** The oldest of the first `count` facts that it should have received, and was not told of. */
  missing(count: number): string | undefined {
    const received = new Set(this.received.map(({ position }) => position))
    const { facts } = this.#store
    const first = facts.findIndex(({ position }) => position === this.received[0]?.position)
    for (let at = 0; at < count; at++) {
      const fact = facts[at] as Fact
      if (fact.topic !== this.topic || received.has(fact.position)) continue
      const isOwed = this.#owes(fact, at) || (first >= 0 && at > first)
      if (isOwed && !this.losses.some((loss) => isIn(fact, loss))) {
        return `never received entry ${at} (${fact.position}), and was not told`
      }
    }
    return undefined
  }

  /** Whether it asked for a fact, as far as its start alone says. */
  #owes(fact: Fact, at: number): boolean {
    if (typeof this.#start === "object") return isAfter(fact, this.#start.after)
    // a life that ended before it read anything took nothing from it
    if (this.#start === "earliest") {
      return fact.life === this.#store.life || this.received.some(({ position }) => lifeOf(position) === fact.life)
    }
    // where it began is not known when the first question of a process takes its time
    return !this.#store.isSlowToStart && at >= this.#began
  }
}

/** Whether a loss says that a fact may be missing. */
const isIn = (fact: Fact, { to }: Loss): boolean => !isAfter(fact, to)

/** Whether a fact lies after a position, over all lives of the store. */
const isAfter = ({ life, position }: Fact, other: Position): boolean =>
  life === lifeOf(other) ? position > other : life > lifeOf(other)
