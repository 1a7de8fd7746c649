/** How many look-backs run at once. Each reads up to 100,000 entries; more at once would make each of them slower. */
const MAX_AT_ONCE = 2

/** Finds something far back in the log; stops once `isOver`. */
export type LookBack<T> = (isOver: () => boolean) => Promise<T | undefined>

interface Search {
  readonly lookBack: LookBack<unknown>
  /** One for each stream that waits for it: true when that stream has ended. */
  readonly askers: (() => boolean)[]
  readonly answer: PromiseWithResolvers<unknown>
}

/**
 * Runs a few look-backs at once, the others in order. Equal look-backs that wait become one and share its result: it starts after the last
 * of them was requested, so its result is new enough for each.
 */
export class LookBacks {
  /** By key. */
  readonly #waiting = new Map<string, Search>()
  readonly #running = new Set<string>()

  /** The result of `lookBack`; undefined when it was stopped. Look-backs with the same `key` must do the same. */
  find<T>(key: string, lookBack: LookBack<T>, isOver: () => boolean): Promise<T | undefined> {
    let search = this.#waiting.get(key)
    if (search) search.askers.push(isOver)
    else {
      search = { lookBack, askers: [isOver], answer: Promise.withResolvers() }
      this.#waiting.set(key, search)
      this.#start()
    }
    return search.answer.promise as Promise<T | undefined>
  }

  #start(): void {
    for (const [key, search] of this.#waiting) {
      if (this.#running.size >= MAX_AT_ONCE) return
      if (this.#running.has(key)) continue
      this.#waiting.delete(key)
      void this.#run(key, search)
    }
  }

  async #run(key: string, { lookBack, askers, answer }: Search): Promise<void> {
    this.#running.add(key)
    const isOver = (): boolean => {
      while (askers.at(-1)?.()) askers.pop()
      return askers.length === 0
    }
    try {
      answer.resolve(isOver() ? undefined : await lookBack(isOver))
    } catch (error) {
      answer.reject(error)
    }
    this.#running.delete(key)
    this.#start()
  }
}
