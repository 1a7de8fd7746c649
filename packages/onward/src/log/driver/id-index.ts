import type { Landmark } from "../log.ts"

/** Maximum number of topics with the same id that a search by pattern examines. With more, the id counts as unknown, which subscribers see as a gap. */
export const MAX_SAME_ID = 1_000

/** The topics on which an id is searched. */
export interface IdScope {
  readonly topics: readonly string[]
  /** Undefined when only `topics` are searched. */
  readonly matches: ((topic: string) => boolean) | undefined
}

/** Returns the topics to search for a landmark by id. Without `topics` and `matches`, any topic. */
export function idScopeOf({ topics, matches }: Extract<Landmark, { id: string }>): IdScope {
  const isAnywhere = topics === undefined && matches === undefined
  return { topics: topics ?? [], matches: isAnywhere ? () => true : matches }
}

/**
 * Finds an entry by its topic and its publisher's id (or idempotency key). The same id on two topics names two entries. Most ids
 * are on one topic only and need one map entry.
 */
export class IdIndex<Item extends { readonly topic: { readonly name: string } }> {
  readonly #items = new Map<string, Item | Map<string, Item>>()

  get(topic: string, name: string): Item | undefined {
    const found = this.#items.get(name)
    if (found instanceof Map) return found.get(topic)
    return found?.topic.name === topic ? found : undefined
  }

  set(name: string, item: Item): void {
    const found = this.#items.get(name)
    if (found === undefined) this.#items.set(name, item)
    else if (found instanceof Map) found.set(item.topic.name, item)
    else this.#items.set(name, new Map([found, item].map((each) => [each.topic.name, each])))
  }

  delete(topic: string, name: string): void {
    const found = this.#items.get(name)
    if (found instanceof Map) {
      found.delete(topic)
      if (found.size > 0) return
    }
    this.#items.delete(name)
  }

  /** All items with this name, in the order they were set. Empty when there are more than {@link MAX_SAME_ID}. */
  all(name: string): Iterable<Item> {
    const found = this.#items.get(name)
    if (found === undefined) return []
    if (!(found instanceof Map)) return [found]
    return found.size > MAX_SAME_ID ? [] : found.values()
  }

  clear(): void {
    this.#items.clear()
  }
}
