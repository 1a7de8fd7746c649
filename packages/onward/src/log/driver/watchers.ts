import type { Position } from "../../message.ts"
import { checkNames } from "../../options.ts"

/** A callback of `watch`. `newest` is the newest position, if known. */
export type Wake = (newest?: Position) => void

/** The callbacks of `watch`. */
export interface Watchers {
  readonly size: number
  /** Adds a callback and returns a function that removes it. After the removal the callback is not called. */
  add(wake: Wake): () => Promise<void>
  /** Calls all callbacks. */
  wake(newest?: Position): void
  /** Calls all callbacks once in a microtask, for all calls of `wakeSoon` until then. `newest` is called at that moment. */
  wakeSoon(newest: () => Position): void
  /** Removes all callbacks. Called when the log closes. */
  clear(): Promise<void>
}

export interface WatchersOptions {
  /** Starts listening or polling for appends of other processes. Called for the first callback; its result is called after the last one is removed. */
  readonly start?: () => () => void | Promise<void>
}

/** Creates the list of `watch` callbacks. Without a callback, nothing listens or polls. */
export function createWatchers(options: WatchersOptions = {}): Watchers {
  checkNames("createWatchers", options, ["start"])
  const { start } = options
  // one object for each, so that the same function passed twice is two watchers
  const watchers = new Set<{ readonly wake: Wake }>()
  let stop: (() => void | Promise<void>) | undefined
  let isWaking = false

  const wake: Wake = (newest) => {
    for (const watcher of watchers) watcher.wake(newest)
  }

  async function stopNow(): Promise<void> {
    const stopOnce = stop
    stop = undefined
    await stopOnce?.()
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
        if (watchers.delete(watcher) && watchers.size === 0) await stopNow()
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
      return stopNow()
    },
  }
}
