/** A sorted list, from `next` on. */
export interface Part<Item> {
  readonly items: { readonly length: number; at(index: number): Item | undefined }
  next: number
}

/** Goes through sorted parts as one sorted list; the parts are moved on. Costs log(parts) an item: a binary heap. */
export function* merge<Item>(parts: readonly Part<Item>[], compare: (a: Item, b: Item) => number): Iterable<Item> {
  const head = (part: Part<Item>): Item => part.items.at(part.next) as Item
  const heap = parts.filter((part) => part.next < part.items.length)
  heap.sort((a, b) => compare(head(a), head(b)))
  for (;;) {
    const part = heap[0]
    if (!part) return
    if (heap.length === 1) {
      while (part.next < part.items.length) yield part.items.at(part.next++) as Item
      return
    }
    yield head(part)
    part.next += 1
    if (part.next === part.items.length) {
      const replacement = heap.pop() as Part<Item>
      if (replacement === part) return
      heap[0] = replacement
    }
    sink(heap, (a, b) => compare(head(a), head(b)))
  }
}

/** Puts the first element of an otherwise ordered heap where it belongs. */
function sink<T>(heap: T[], compare: (a: T, b: T) => number): void {
  let at = 0
  const moving = heap[0] as T
  for (;;) {
    let child = at * 2 + 1
    if (child >= heap.length) break
    if (child + 1 < heap.length && compare(heap[child + 1] as T, heap[child] as T) < 0) child += 1
    if (compare(moving, heap[child] as T) <= 0) break
    heap[at] = heap[child] as T
    at = child
  }
  heap[at] = moving
}
