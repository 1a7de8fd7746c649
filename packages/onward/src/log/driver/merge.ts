interface Head<Item> {
  readonly rest: Iterator<Item>
  item: Item
}

/**
 * Merges sorted lists into one sorted list, lazily. It uses a binary heap of the first items, so an item costs O(log lists).
 */
export function* merge<Item>(lists: readonly Iterator<Item>[], compare: (a: Item, b: Item) => number): Generator<Item> {
  const heap: Head<Item>[] = []
  for (const rest of lists) {
    const first = rest.next()
    if (!first.done) heap.push({ rest, item: first.value })
  }
  heap.sort((a, b) => compare(a.item, b.item))
  for (;;) {
    const head = heap[0]
    if (!head) return
    yield head.item
    const next = head.rest.next()
    if (!next.done) head.item = next.value
    else {
      const replacement = heap.pop() as Head<Item>
      if (replacement === head) return
      heap[0] = replacement
    }
    sink(heap, compare)
  }
}

/** Restores the heap order after its first item changed. */
function sink<Item>(heap: Head<Item>[], compare: (a: Item, b: Item) => number): void {
  const moving = heap[0] as Head<Item>
  let at = 0
  for (;;) {
    let child = at * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && compare((heap[child + 1] as Head<Item>).item, (heap[child] as Head<Item>).item) < 0)
      child += 1
    if (compare(moving.item, (heap[child] as Head<Item>).item) <= 0) break
    heap[at] = heap[child] as Head<Item>
    at = child
  }
  heap[at] = moving
}
