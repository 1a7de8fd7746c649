/** Fewest changes that are merged before the list is read. */
const MIN_MERGED = 1_000
/** The part of the list that may have changed before the changes are merged: each merge copies the list. */
const MERGED_PART = 32

let versions = 0

/** A sorted list of ids. A change costs a copy of the list when it is read next, however many changes there are. */
export class SortedIds {
  #ids: readonly string[] = []
  #version = 0
  /** Whether ids are in the list, where that has changed since the last merge. */
  readonly #changed = new Map<string, boolean>()

  /** Equal for equal lists of one object; different for other contents, of any list. 0 when the list is empty. */
  get version(): number {
    this.#merge()
    return this.#version
  }

  /** Not changed by later changes. */
  read(): readonly string[] {
    this.#merge()
    return this.#ids
  }

  set(id: string, isIn: boolean): void {
    this.#changed.set(id, isIn)
    // sorting all of 100,000 ids at the first read would be a long turn
    if (this.#changed.size >= Math.max(MIN_MERGED, this.#ids.length / MERGED_PART)) this.#merge()
  }

  #merge(): void {
    if (this.#changed.size === 0) return
    const old = this.#ids
    const merged: string[] = []
    let copied = 0
    for (const id of [...this.#changed.keys()].sort()) {
      const at = indexIn(old, id, copied)
      const isIn = this.#changed.get(id)
      if ((old[at] === id) === isIn) continue
      while (copied < at) merged.push(old[copied++] as string)
      if (isIn) merged.push(id)
      else copied++
    }
    this.#changed.clear()
    if (copied === 0 && merged.length === 0) return
    while (copied < old.length) merged.push(old[copied++] as string)
    this.#ids = merged
    this.#version = merged.length === 0 ? 0 : ++versions
  }
}

/** Where an id is in a sorted list, or belongs, from an index on. */
function indexIn(ids: readonly string[], id: string, from: number): number {
  let end = ids.length
  while (from < end) {
    const middle = (from + end) >> 1
    if ((ids[middle] as string) < id) from = middle + 1
    else end = middle
  }
  return from
}
