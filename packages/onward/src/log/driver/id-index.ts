import type { Landmark } from "../log.ts"

/** Most topics whose use of one id is looked at for a pattern. With more, the id counts as unknown: that is announced, and bounded. */
export const MAX_SAME_ID = 1_000

/** Where an entry with an id may be. */
export interface IdScope {
  readonly topics: readonly string[]
  /** Undefined when only `topics` count. */
  readonly matches: ((topic: string) => boolean) | undefined
}

/** Reads a landmark by id: neither topics nor `matches` means any topic. */
export function idScopeOf({ topics, matches }: Extract<Landmark, { id: string }>): IdScope {
  const isAnywhere = topics === undefined && matches === undefined
  return { topics: topics ?? [], matches: isAnywhere ? () => true : matches }
}

/**
 * Which entry has a publisher's id (or key), by topic and id: the same id on two topics names two entries. Most ids are on one
 * topic only, and cost one map entry.
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

  /** All items of this name, in the order they were set; none when there are more than {@link MAX_SAME_ID}. */
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
