import { systemClock } from "../clock.ts"
import type { OnwardError } from "../errors.ts"
import {
  createConnection,
  type Connection,
  type ConnectionOptions,
  type ConnectionOwner,
  type Policy,
} from "./connection.ts"

/**
 * What happened to the connection of a client, for the option `observe`. Every request is told, also those that `onStatus` hides because the
 * stream was open again soon. `url` is without its query, which can be secret. Durations are in ms.
 */
export type ClientObservation = { readonly url: string } & (
  | { readonly type: "connecting"; readonly attempt: number }
  /** The response began. `status` is undefined if another tab holds the connection. `duration` is the time since the request. */
  | { readonly type: "connected"; readonly status: number | undefined; readonly duration: number }
  /** The server told that events are permanently lost. */
  | { readonly type: "lost" }
  /**
   * The connection ended, or could not be opened: then `lifetime` is undefined. `error` is undefined if the stream ended or was closed, and
   * `delay` is the time until the next request, if there is one. `events` counts those that were received.
   */
  | {
      readonly type: "disconnected"
      readonly lifetime: number | undefined
      readonly events: number
      readonly error: unknown
      readonly delay: number | undefined
    }
)

export interface ObserveOptions {
  /**
   * Called with what happens to each connection, for metrics. It is called synchronously, so it must be fast. In tabs that share a connection,
   * the tab that holds it is told. @default not called
   */
  readonly observe?: (observation: ClientObservation) => void
}

/** What an observation adds to the URL. */
type Told = ClientObservation extends infer Each ? (Each extends unknown ? Omit<Each, "url"> : never) : never

/** Creates a connection, and observes it if `observe` is given. */
export function openConnection(
  url: string,
  options: ConnectionOptions & ObserveOptions,
  policy: Policy,
  owner: ConnectionOwner,
): Connection {
  const { observe, clock = systemClock } = options
  if (!observe) return createConnection(url, options, policy, owner)
  let startedAt: number | undefined
  let openAt: number | undefined
  let events = 0

  function tell(observation: Told): void {
    try {
      observe?.({ url: url.replace(/[?#].*/s, ""), ...observation })
    } catch (error) {
      console.error("onward:", error)
    }
  }

  function end(error?: unknown, delay?: number): void {
    if (startedAt === undefined) return
    const lifetime = openAt === undefined ? undefined : clock.monotonic() - openAt
    startedAt = openAt = undefined
    tell({ type: "disconnected", lifetime, events, error, delay })
  }

  const connection = createConnection(url, options, policy, {
    ...owner,
    onConnecting(attempt) {
      startedAt = clock.monotonic()
      events = 0
      tell({ type: "connecting", attempt: attempt.number })
      owner.onConnecting?.(attempt)
    },
    onOpen(response) {
      openAt = clock.monotonic()
      tell({ type: "connected", status: response?.status, duration: openAt - (startedAt ?? openAt) })
      owner.onOpen(response)
    },
    onEvent(event) {
      events++
      if (event.event === "stream.gap") tell({ type: "lost" })
      owner.onEvent(event)
    },
    onReconnecting(error: OnwardError, delay) {
      end(error, delay)
      owner.onReconnecting(error, delay)
    },
  })
  return Object.assign(Object.create(connection) as Connection, {
    run: () =>
      connection.run().then(end, (error: unknown) => {
        end(error)
        throw error
      }),
    close() {
      connection.close()
      end()
    },
  })
}
