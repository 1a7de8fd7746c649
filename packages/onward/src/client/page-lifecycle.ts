import type { Clock } from "../clock.ts"

/**
 * A page that nobody sees may keep its streams, or rest. One that is stored, that is frozen or left, for good or in the back-forward cache,
 * must hold nothing: others wait for what it has, and it can do nothing for them.
 */
export type PageAbsence = "hidden" | "stored"

export interface PageLifecycleOptions {
  readonly clock: Clock
  /** How long a page is hidden before it counts, in ms. */
  readonly hiddenAfter: number
  readonly onAway: (why: PageAbsence) => void
  /** May come more than once, and without `onAway`. */
  readonly onBack: (why: PageAbsence) => void
  /** The page may have slept, or the network changed; what was connected before is gone for sure when `isLost`. */
  readonly onWake: (isLost: boolean) => void
}

/** Watches the page this runs in, if it is one. Nothing of what it tells reaches a connection as an error. Returns the undo. */
export function watchPageLifecycle({ clock, hiddenAfter, onAway, onBack, onWake }: PageLifecycleOptions): () => void {
  const { document, self } = globalThis as Partial<typeof globalThis>
  const watching = new AbortController()
  let cancel: (() => void) | undefined

  function hear(target: EventTarget, type: string, handle: () => void): void {
    target.addEventListener(type, handle, { signal: watching.signal })
  }

  function look(): void {
    cancel?.()
    cancel = document?.hidden ? clock.after(hiddenAfter, () => onAway("hidden")) : undefined
  }

  if (document) {
    look()
    hear(document, "visibilitychange", () => {
      look()
      if (document.hidden) return
      onBack("hidden")
      onWake(false)
    })
    hear(document, "freeze", () => onAway("stored"))
    hear(document, "resume", () => onBack("stored"))
  }
  // in React Native there is one that hears nothing
  if (self?.addEventListener) {
    hear(self, "online", () => onWake(true))
    // cached or not: Firefox may leave the connections of a page that has gone open until something else happens
    hear(self, "pagehide", () => onAway("stored"))
    hear(self, "pageshow", () => onBack("stored"))
  }
  return () => {
    cancel?.()
    watching.abort()
  }
}
