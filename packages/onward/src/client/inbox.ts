/** A queue of received items. The writer waits for `room` before it reads more. */
export interface Inbox<T> {
  put(item: T): void
  /** Ends the queue. After the queued items, which `isNow` drops, `next` rejects once with the error, and then is done. */
  end(failure?: { readonly error: unknown }, isNow?: boolean): void
  next(): Promise<IteratorResult<T, undefined>>
  /** Returns undefined if the queue is empty, else a promise that resolves when it is. */
  room(): Promise<void> | undefined
  readonly size: number
}

type Result<T> = IteratorResult<T, undefined>

/** Creates a queue. `onTake` is called with each item that `next` returns. */
export function createInbox<T>(onTake: (item: T) => void): Inbox<T> {
  let items: T[] = []
  let taken = 0
  let ended: { readonly error: unknown } | true | undefined
  let emptied: (() => void) | undefined
  const takers: { resolve: (result: Result<T>) => void; reject: (error: unknown) => void }[] = []

  function clear(): void {
    items = []
    taken = 0
    emptied?.()
  }

  function settle(): void {
    if (ended === undefined) return
    for (const { resolve, reject } of takers.splice(0)) {
      const failure = ended
      ended = true
      if (failure === true) resolve({ done: true, value: undefined })
      else reject(failure.error)
    }
  }

  const inbox: Inbox<T> = {
    get size() {
      return items.length - taken
    },
    put(value) {
      if (ended !== undefined) return
      const taker = takers.shift()
      if (!taker) return void items.push(value)
      onTake(value)
      taker.resolve({ done: false, value })
    },
    end(failure, isNow) {
      ended = failure ?? true
      if (isNow) clear()
      settle()
    },
    next() {
      if (taken < items.length) {
        const value = items[taken++] as T
        onTake(value)
        if (taken === items.length) clear()
        return Promise.resolve({ done: false, value })
      }
      return new Promise((resolve, reject) => {
        takers.push({ resolve, reject })
        settle()
      })
    },
    room() {
      if (inbox.size === 0) return undefined
      return new Promise((resolve) => {
        emptied = () => {
          emptied = undefined
          resolve()
        }
      })
    },
  }
  return inbox
}
