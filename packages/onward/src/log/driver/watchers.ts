import type { Position } from "../../message.ts"
import { checkNames } from "../../options.ts"

/** A callback of `watch`; `newest` is the newest position, if it is known. */
export type Wake = (newest?: Position) => void

/** The callbacks of `watch`. */
export interface Watchers {
  readonly size: number
  /** Adds a callback; resolves to its removal, after which it is not called again. */
  add(wake: Wake): () => Promise<void>
  /** Calls all callbacks. */
  wake(newest?: Position): void
  /** Calls all callbacks in a microtask, once for all calls until then. `newest` is read at that moment. */
  wakeSoon(newest: () => Position): void
  /** Removes all callbacks. Called when the log closes. */
  clear(): Promise<void>
}

export interface WatchersOptions {
  /** Starts what notices the appends of other processes. Called for the first callback; its result is called after the last. */
  readonly start?: () => () => void | Promise<void>
}

/** Keeps the callbacks of `watch`. Nothing listens or polls while there is no callback. */
export function createWatchers(options: WatchersOptions = {}): Watchers {
  checkNames("createWatchers", options, ["start"])
  const { start } = options
  // an object each, so that the same function given twice is two watchers
  const watchers = new Set<{ readonly wake: Wake }>()
  let stop: (() => void | Promise<void>) | undefined
  let isWaking = false

  const wake: Wake = (newest) => {
    for (const watcher of watchers) watcher.wake(newest)
  }

  async function rest(): Promise<void> {
    const stopNow = stop
    stop = undefined
    await stopNow?.()
  }

  return {
    get size() {
      return watchers.size
    },
    add(wake) {
      const watcher = { wake }
      watchers.add(watcher)
      stop ??= start?.()
      return async () => {
        if (watchers.delete(watcher) && watchers.size === 0) await rest()
      }
    },
    wake,
    wakeSoon(newest) {
      if (isWaking || watchers.size === 0) return
      isWaking = true
      queueMicrotask(() => {
        isWaking = false
        if (watchers.size > 0) wake(newest())
      })
    },
    clear() {
      watchers.clear()
      return rest()
    },
  }
}
