import type { Position } from "../message.ts"

/** How many look-backs run at once: each reads up to 100,000 entries, and more at once would only make each of them slower. */
const MAX_AT_ONCE = 2

/** Finds a place far back in the log; gives up once `isOver`. */
export type LookBack = (isOver: () => boolean) => Promise<Position | undefined>

interface Search {
  readonly lookBack: LookBack
  /** Those who wait for it: it is over once all of them have left. */
  readonly askers: (() => boolean)[]
  readonly answer: PromiseWithResolvers<Position | undefined>
}

/**
 * Lets a few look-backs run at once, the others in order. Equal ones that wait become one, and share its result: it has not begun when
 * the last of them asks, so it finds what is newest for each.
 */
export class LookBacks {
  /** By what they look for. */
  readonly #waiting = new Map<string, Search>()
  readonly #running = new Set<string>()

  /** The result of `lookBack`, of which all with the same `key` do the same; undefined when it was given up. */
  find(key: string, lookBack: LookBack, isOver: () => boolean): Promise<Position | undefined> {
    let search = this.#waiting.get(key)
    if (search) search.askers.push(isOver)
    else {
      search = { lookBack, askers: [isOver], answer: Promise.withResolvers() }
      this.#waiting.set(key, search)
      this.#start()
    }
    return search.answer.promise
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
