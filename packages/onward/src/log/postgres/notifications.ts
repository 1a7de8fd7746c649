import type { Position } from "../../message.ts"
import { formatPosition } from "../driver/position.ts"
import { createWatchers } from "../driver/watchers.ts"
import type { Connection } from "./connection.ts"

/** How long to wait until a connection listens, or has stopped listening, in milliseconds. */
const LISTEN_TIMEOUT = 3000

export interface NotificationsOptions {
  readonly connection: Connection
  /** Undefined when the log does not use NOTIFY. */
  readonly channel: string | undefined
  readonly pollInterval: number | undefined
  /** Reads the newest position. */
  readonly readNewest: () => Promise<Position>
}

export interface Notifications {
  watch(wake: (newest?: Position) => void): () => Promise<void>
  /** Wakes all watchers. */
  wake(newest: Position): void
  close(): Promise<void>
}

/**
 * Wakes watchers by polling the newest position, which is reliable, and by LISTEN, which is faster. Neither runs while there is no
 * watcher.
 */
export function createNotifications({
  connection,
  channel,
  pollInterval,
  readNewest,
}: NotificationsOptions): Notifications {
  const watchers = createWatchers({
    start() {
      listen()
      schedulePoll()
      return stop
    },
  })
  let seen: Position | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let polling: Promise<void> | undefined
  let listening: Promise<void> | undefined
  let unlisten: (() => Promise<unknown>) | undefined
  /** Number of consecutive polls that found a position without a notification. */
  let missed = 0
  let hasFailed = false

  function schedulePoll(): void {
    clearTimeout(timer)
    if (watchers.size === 0) return
    timer = setTimeout(() => void (polling = poll()), pollInterval ?? (unlisten ? 1000 : 100))
    ;(timer as { unref?(): void }).unref?.()
  }

  async function poll(): Promise<void> {
    try {
      const newest = await readNewest()
      if (hasFailed || newest !== seen) {
        missed = unlisten && !hasFailed ? missed + 1 : 0
        // a client does not always report that it has lost its connection
        if (hasFailed || missed >= 2) await stopListening()
        hasFailed = false
        seen = newest
        watchers.wake(newest)
      }
      if (watchers.size > 0) listen()
    } catch {
      hasFailed = true
    }
    schedulePoll()
  }

  function listen(): void {
    if (channel === undefined || !connection.listen || unlisten || listening) return
    const onNotification = (payload?: string): void => {
      missed = 0
      const [epoch = "", sequence] = payload?.split(" ") ?? []
      // without a payload after a reconnect: notifications can be missing
      const newest = sequence === undefined ? undefined : formatPosition(epoch, Number(sequence))
      if (newest !== undefined) seen = newest
      watchers.wake(newest)
    }
    const onLost = (): void => {
      unlisten = undefined
      schedulePoll()
    }
    const mine = connection.listen(channel, onNotification, onLost).then(
      async (unlistenNow) => {
        if (listening === begun && watchers.size > 0) unlisten = unlistenNow
        else await unlistenNow().catch(() => {})
      },
      () => {}, // polling continues, and the next poll tries again
    )
    // the promise of a client can stay pending if the server stops at this moment
    const begun = Promise.race([mine, listenTimeout()]).then(() => {
      if (listening === begun) listening = undefined
    })
    listening = begun
  }

  async function stopListening(): Promise<void> {
    const unlistenNow = unlisten
    unlisten = undefined
    missed = 0
    if (unlistenNow) await Promise.race([unlistenNow().catch(() => {}), listenTimeout()])
  }

  async function stop(): Promise<void> {
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
      await polling
      await clearing
      // the last poll can have started to listen
      await stop()
    },
  }
}

function listenTimeout(): Promise<void> {
  return new Promise((resolve) => {
    const timer: unknown = setTimeout(resolve, LISTEN_TIMEOUT)
    ;(timer as { unref?(): void }).unref?.()
  })
}
