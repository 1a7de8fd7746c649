/** An array that is also quick to shorten at the front: positions in it are plain indexes, 0 is the oldest. */
export class Deque<Item> {
  #items: (Item | undefined)[] = []
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  /** The item at `index`, which must be in [0, length). */
  at(index: number): Item {
    return this.#items[this.#head + index] as Item
  }

  push(item: Item): void {
    this.#items.push(item)
  }

  /** Drops the oldest item; there must be one. */
  shift(): void {
    this.#items[this.#head++] = undefined
    // copying at most as much as was dropped since the last copy keeps this constant on average
    if (this.#head > 32 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }

  /** Drops every item `keep` says no to. */
  filter(keep: (item: Item) => boolean): void {
    this.#items = (this.#items.slice(this.#head) as Item[]).filter(keep)
    this.#head = 0
  }

  /** Index of the first item for which `holds`, or `length`. `holds` must be false up to some item and true from it on. */
  search(holds: (item: Item) => boolean): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (holds(this.at(middle))) high = middle
      else low = middle + 1
    }
    return low
  }
}
