import type { Position } from "../../message.ts"
import { formatPosition } from "../driver/position.ts"
import { createWatchers } from "../driver/watchers.ts"
import type { Connection } from "./connection.ts"

/** How long to wait for a connection to hear, or to stop hearing, in milliseconds. */
const PATIENCE = 3000

export interface NotificationsOptions {
  readonly connection: Connection
  /** Undefined when nobody tells of appends, or we cannot hear of them. */
  readonly channel: string | undefined
  readonly pollInterval: number | undefined
  /** Asks for the newest position. */
  readonly look: () => Promise<Position>
}

export interface Notifications {
  watch(wake: (newest?: Position) => void): () => Promise<void>
  /** Tells all watchers. */
  wake(newest: Position): void
  close(): Promise<void>
}

/**
 * Wakes watchers. Looking at the newest position now and then is what makes it certain that they are woken; being told by
 * the server only makes it sooner. Neither is done while nobody watches.
 */
export function createNotifications({ connection, channel, pollInterval, look }: NotificationsOptions): Notifications {
  const watchers = createWatchers({
    start() {
      listen()
      plan()
      return rest
    },
  })
  let seen: Position | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let looking: Promise<void> | undefined
  let listening: Promise<void> | undefined
  let unlisten: (() => Promise<unknown>) | undefined
  /** Times in a row that looking found what nobody had told. */
  let untold = 0
  let wasAway = false

  function plan(): void {
    clearTimeout(timer)
    if (watchers.size === 0) return
    timer = setTimeout(() => void (looking = poll()), pollInterval ?? (unlisten ? 1000 : 100))
    ;(timer as { unref?(): void }).unref?.()
  }

  async function poll(): Promise<void> {
    try {
      const newest = await look()
      if (wasAway || newest !== seen) {
        untold = unlisten && !wasAway ? untold + 1 : 0
        // a client that lost its connection for good does not always say so
        if (wasAway || untold >= 2) await stopListening()
        wasAway = false
        seen = newest
        watchers.wake(newest)
      }
      if (watchers.size > 0) listen()
    } catch {
      wasAway = true
    }
    plan()
  }

  function listen(): void {
    if (channel === undefined || !connection.listen || unlisten || listening) return
    const hear = (payload?: string): void => {
      untold = 0
      const [epoch = "", sequence] = payload?.split(" ") ?? []
      // after a reconnect nobody knows what was missed
      const newest = sequence === undefined ? undefined : formatPosition(epoch, Number(sequence))
      if (newest !== undefined) seen = newest
      watchers.wake(newest)
    }
    const lose = (): void => {
      unlisten = undefined
      plan()
    }
    const mine = connection.listen(channel, hear, lose).then(
      async (stop) => {
        if (listening === begun && watchers.size > 0) unlisten = stop
        else await stop().catch(() => {})
      },
      () => {}, // looking is enough, and after the next look it is tried again
    )
    // a client may never answer when the server goes at the wrong moment
    const begun = Promise.race([mine, patience()]).then(() => {
      if (listening === begun) listening = undefined
    })
    listening = begun
  }

  async function stopListening(): Promise<void> {
    const stop = unlisten
    unlisten = undefined
    untold = 0
    if (stop) await Promise.race([stop().catch(() => {}), patience()])
  }

  async function rest(): Promise<void> {
    clearTimeout(timer)
    listening = undefined
    await stopListening()
  }

  return {
    watch: (wake) => watchers.add(wake),
    wake(newest) {
      seen = newest
      watchers.wake(newest)
    },
    async close() {
      const clearing = watchers.clear()
      await looking
      await clearing
      // a look that was under way may have begun to listen
      await rest()
    },
  }
}

function patience(): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, PATIENCE)
    ;(timer as { unref?(): void }).unref?.()
  })
}
