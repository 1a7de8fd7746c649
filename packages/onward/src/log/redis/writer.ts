import type { Position, StoredMessage } from "../../message.ts"
import type { Appended } from "../log.ts"
import { Backlog } from "../backlog.ts"
import { createEpoch, formatPosition } from "../position.ts"
import { wordsOf } from "./codec.ts"
import type { Store } from "./store.ts"

/** Most words and bytes that share one call of the script, unless one append alone has more. */
const BATCH_WORDS = 4000
const BATCH_BYTES = 1024 * 1024

interface Waiting {
  readonly words: readonly string[]
  readonly count: number
  /** Of its words, in characters. */
  readonly size: number
  readonly weight: number
  resolve(appended: Appended): void
  reject(error: unknown): void
}

export interface WriterOptions {
  /** The limits, as the script takes them. */
  readonly limits: readonly string[]
  /** Called right before appends that stored something resolve. */
  readonly onStored: (newest: Position) => void
  /** Called when there is more to remove than one call could. */
  readonly onBehind: () => void
}

/**
 * Sends appends, one call of the script at a time: what is appended while one is under way goes into the next together. The
 * calls are numbered, so that one which a client sends twice, not knowing whether it arrived, is done once.
 */
export class Writer {
  readonly #store: Store
  readonly #options: WriterOptions
  readonly #id = createEpoch() + createEpoch()
  #batch = 0
  #waiting: Waiting[] = []
  readonly #backlog: Backlog
  #isSending = false

  constructor(store: Store, options: WriterOptions) {
    this.#store = store
    this.#backlog = new Backlog(store.key)
    this.#options = options
  }

  append(messages: readonly StoredMessage[], now: number | undefined): Promise<Appended> {
    const weight = this.#backlog.enter(messages)
    const words = [String(now ?? ""), String(messages.length), ...messages.flatMap(wordsOf)]
    const size = words.reduce((sum, word) => sum + word.length, 0)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ words, count: messages.length, size, weight, resolve, reject })
      if (this.#isSending) return
      this.#isSending = true
      // what is appended in this turn goes together
      queueMicrotask(() => void this.#sendAll())
    })
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) await this.#send(this.#takeBatch())
    this.#isSending = false
  }

  #takeBatch(): Waiting[] {
    let words = 0
    let bytes = 0
    let count = 0
    for (const call of this.#waiting) {
      words += call.words.length
      bytes += call.size
      if (count > 0 && (words > BATCH_WORDS || bytes > BATCH_BYTES)) break
      count += 1
    }
    const batch = this.#waiting.slice(0, count)
    this.#waiting = this.#waiting.slice(count)
    return batch
  }

  async #send(calls: readonly Waiting[]): Promise<void> {
    const { limits, onStored, onBehind } = this.#options
    this.#batch += 1
    const words = [...limits, this.#id, String(this.#batch)].concat(...calls.map((call) => call.words))
    try {
      const { epoch, last, results } = await this.#store.call("append", words)
      const [outcomes, isBehind] = results as [Outcome[], number]
      onStored(formatPosition(epoch, last))
      for (const [i, call] of calls.entries()) call.resolve(appendedOf(epoch, outcomes[i] as Outcome, call.count))
      if (isBehind) onBehind()
    } catch (error) {
      for (const call of calls) call.reject(error)
    }
    for (const { weight } of calls) this.#backlog.leave(weight)
  }
}

/** Before, time, and the places: 0 when they are those that follow. */
type Outcome = readonly [previous: string, time: string, places: 0 | readonly number[]]

function appendedOf(epoch: string, [before, time, places]: Outcome, count: number): Appended {
  const previous = Number(before)
  const positions = Array.from({ length: count }, (_, i) =>
    formatPosition(epoch, places ? (places[i] as number) : previous + 1 + i),
  )
  return { positions, previous: formatPosition(epoch, previous), time: Number(time) }
}
