import type { Clock } from "../clock.ts"

export interface PageOptions {
  readonly clock: Clock
  /** How long a page is hidden before `onHidden`, in ms. */
  readonly hiddenAfter: number
  /** The page may have slept, or the network changed; what was connected before is gone for sure when `isLost`. */
  onWake(isLost: boolean): void
  onHidden(): void
  onShown(): void
  /**
   * The page is frozen or goes into the back-forward cache: it must hold nothing, since it may hear of others and yet not do anything
   * for them.
   */
  onStored(): void
  /** Once for each `onStored`. */
  onRestored(): void
}

/** Watches the page this runs in, if it is one. Nothing of what it tells reaches a connection as an error. Returns the undo. */
export function watchPage(options: PageOptions): () => void {
  const { document, self } = globalThis as Partial<typeof globalThis>
  const watching = new AbortController()
  let cancel: (() => void) | undefined
  let isStored = false

  function hear(target: EventTarget, type: string, handle: (event: PageTransitionEvent) => void): void {
    target.addEventListener(type, handle as (event: Event) => void, { signal: watching.signal })
  }

  function look(): void {
    cancel?.()
    cancel = document?.hidden ? options.clock.after(options.hiddenAfter, () => options.onHidden()) : undefined
  }

  // what is stored is frozen too: Chromium tells of both
  function store(): void {
    if (!isStored) options.onStored()
    isStored = true
  }

  function restore(): void {
    if (isStored) options.onRestored()
    isStored = false
  }

  if (document) {
    look()
    hear(document, "visibilitychange", () => {
      look()
      if (document.hidden) return
      options.onShown()
      options.onWake(false)
    })
    hear(document, "freeze", store)
    hear(document, "resume", restore)
  }
  if (self) {
    hear(self, "online", () => options.onWake(true))
    hear(self, "pagehide", ({ persisted }) => persisted && store())
    hear(self, "pageshow", ({ persisted }) => persisted && restore())
  }
  return () => {
    cancel?.()
    watching.abort()
  }
}
