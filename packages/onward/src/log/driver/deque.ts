/** An array with a fast `shift`. Indexes start at the oldest item, 0. */
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

  /** Removes the oldest item. The deque must not be empty. */
  shift(): void {
    this.#items[this.#head++] = undefined
    // a copy has at most as many items as were removed since the last copy, so the cost is constant on average
    if (this.#head > 32 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
  }

  /** Removes every item for which `keep` returns false. */
  filter(keep: (item: Item) => boolean): void {
    this.#items = (this.#items.slice(this.#head) as Item[]).filter(keep)
    this.#head = 0
  }

  /** The index of the first item for which `holds` returns true, or `length`. `holds` must be false up to some item and true after it. */
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
