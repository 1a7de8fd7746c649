import type { Clock } from "../clock.ts"

/**
 * Why a page needs no connection. A hidden page keeps or pauses its streams. A stored page (frozen, closed, or in the
 * back-forward cache) must release connections and locks: other tabs wait for them.
 */
export type PageAbsence = "hidden" | "stored"

export interface PageLifecycleOptions {
  readonly clock: Clock
  /** How long the page must be hidden before `onAway`, in ms. */
  readonly hiddenAfter: number
  readonly onAway: (why: PageAbsence) => void
  /** Can be called more than once, and without `onAway`. */
  readonly onBack: (why: PageAbsence) => void
  /** Called when the machine may have slept, or the network changed. With `isLost`, the earlier connections are lost. */
  readonly onWake: (isLost: boolean) => void
}

/** Watches for changes of the page, if there is one, that cause no error on a connection. Returns a function that stops it. */
export function watchPageLifecycle({ clock, hiddenAfter, onAway, onBack, onWake }: PageLifecycleOptions): () => void {
  const { document, self } = globalThis as Partial<typeof globalThis>
  const watching = new AbortController()
  let cancel: (() => void) | undefined

  function listen(target: EventTarget, type: string, handle: () => void): void {
    target.addEventListener(type, handle, { signal: watching.signal })
  }

  function watchHidden(): void {
    cancel?.()
    cancel = document?.hidden ? clock.after(hiddenAfter, () => onAway("hidden")) : undefined
  }

  if (document) {
    watchHidden()
    listen(document, "visibilitychange", () => {
      watchHidden()
      if (document.hidden) return
      onBack("hidden")
      onWake(false)
    })
    listen(document, "freeze", () => onAway("stored"))
    listen(document, "resume", () => onBack("stored"))
  }
  // React Native has a `self` without events
  if (self?.addEventListener) {
    listen(self, "online", () => onWake(true))
    // cached or not: Firefox can keep the connections of a closed page open
    listen(self, "pagehide", () => onAway("stored"))
    listen(self, "pageshow", () => onBack("stored"))
  }
  return () => {
    cancel?.()
    watching.abort()
  }
}
