import { systemClock } from "../../../src/clock.ts"
import { OnwardError } from "../../../src/errors.ts"
import {
  memoryLog,
  type Appended,
  type Landmark,
  type Log,
  type Page,
  type ReadQuery,
  type Retention,
} from "../../../src/log/index.ts"
import type { Position, StoredMessage } from "../../../src/message.ts"
import type { World } from "./world.ts"

/** An entry as it truly was stored, in the one order of all lives of the store. */
export interface Fact {
  readonly life: number
  readonly position: Position
  readonly topic: string
  readonly data: string
  readonly id: string | undefined
}

/** In which life of the store a position was given. */
export function lifeOf(position: Position): number {
  const number = Number(position.slice(4, 8))
  return position.startsWith("ages") ? 9_999 - number : number
}

/**
 * The store that all processes share. It does what it is asked some time after it is asked, answers some time after that, in any
 * order, now and then much later, fails before or after doing it, and sends its hints late and twice.
 */
export class Store {
  readonly facts: Fact[] = []
  life = 0
  faults = true
  /** Whether even the first question of a new process takes its time: then nobody can say where "live" began. */
  readonly isSlowToStart: boolean
  /** How many messages to and from it take very long, in percent. */
  readonly #latePercent: number
  /** How many calls fail before it does anything, and as many after, in percent. */
  readonly #failPercent: number
  /** Whether a later epoch sorts before an earlier one. */
  readonly #isDescending: boolean
  readonly #world: World
  readonly #retention: Retention
  readonly #wakes = new Set<(newest?: Position) => void>()
  #inner: Log

  constructor(world: World, retention: Retention) {
    this.#world = world
    this.#retention = retention
    this.isSlowToStart = world.chance.percent(20)
    this.#latePercent = world.chance.pick([0, 4, 25])
    this.#failPercent = world.chance.pick([0, 3, 15])
    this.#isDescending = world.chance.percent(50)
    this.#inner = this.#create()
  }

  #create(): Log {
    const epoch = this.#isDescending ? `ages${9_999 - this.life}` : `life${String(this.life).padStart(4, "0")}`
    const now = (): number => this.#world.now()
    const clock = { ...systemClock, now, monotonic: now }
    return memoryLog({ retention: this.#retention, clock, epoch })
  }

  /** Whether retention never removes anything. */
  get keepsAll(): boolean {
    return this.#retention.count === 10_000 && !this.#retention.topic
  }

  /** The store is lost and made anew, empty. */
  recreate(): void {
    this.life++
    this.#inner = this.#create()
    this.#hint(undefined)
  }

  /** The data of every kept entry. */
  async kept(): Promise<ReadonlySet<string>> {
    const { first } = await this.#inner.bounds()
    const { entries } = await this.#inner.read({ after: first, limit: 100_000 })
    return new Set(entries.map(({ data }) => data))
  }

  async append(given: readonly StoredMessage[]): Promise<Appended> {
    const life = this.life
    // an id from an earlier life is not given to another entry: who resumes by it could not tell the two apart
    const isOld = (id: string | undefined) =>
      id !== undefined && this.facts.some((fact) => fact.id === id && fact.life < life)
    const messages = given.map(({ id, ...rest }): StoredMessage =>
      id === undefined || isOld(id) ? rest : { ...rest, id },
    )
    const appended = await this.#inner.append(messages)
    for (const [i, message] of messages.entries()) {
      const position = appended.positions[i] as Position
      if (position <= appended.previous || this.facts.some((fact) => fact.position === position)) continue
      this.facts.push({ life, position, topic: message.topic, data: message.data, id: message.id })
    }
    this.#hint((await this.#inner.bounds()).last)
    return appended
  }

  #hint(newest: Position | undefined): void {
    for (const wake of this.#wakes) {
      const times = this.#world.chance.percent(10) ? 2 : 1
      for (let i = 0; i < times; i++) {
        this.#world.soon(() => this.#wakes.has(wake) && wake(this.#world.chance.percent(50) ? newest : undefined))
      }
    }
  }

  /** One process's way to the store. */
  connect(): Log {
    let isClosed = false
    let isKnown = false
    /** Lets a message to or from the store arrive: in any order with others, and now and then when hardly anyone expects it any more. */
    const later = (arrive: () => void): void => {
      const { chance } = this.#world
      if (this.faults && chance.percent(this.#latePercent)) this.#world.after(chance.pick([50, 1_000, 30_000]), arrive)
      else this.#world.soon(arrive)
    }
    const call = <T>(act: () => Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        const { chance } = this.#world
        const fail = () =>
          reject(new OnwardError(isClosed ? "log_closed" : "log_unavailable", "the simulated store failed"))
        later(() => {
          if (isClosed || (this.faults && chance.percent(this.#failPercent))) return fail()
          act().then(
            (result) => later(() => (this.faults && chance.percent(this.#failPercent) ? fail() : resolve(result))),
            (error: unknown) => later(() => reject(error)),
          )
        })
      })
    return {
      append: (messages) => call(() => this.append(messages)),
      read: (query: ReadQuery): Promise<Page> => {
        // a page may end before its limit
        const limit = this.#world.chance.percent(30) ? 1 + this.#world.chance.below(3) : query.limit
        return call(() => this.#inner.read({ ...query, limit: Math.min(limit, query.limit) }))
      },
      bounds: () => {
        const isFirst = !isKnown
        isKnown = true
        return isFirst && !this.isSlowToStart ? this.#inner.bounds() : call(() => this.#inner.bounds())
      },
      locate: (landmark: Landmark) => call(() => this.#inner.locate(landmark)),
      watch: (wake) =>
        call(async () => {
          this.#wakes.add(wake)
          return async () => {
            this.#wakes.delete(wake)
          }
        }),
      async close() {
        isClosed = true
      },
    }
  }
}
