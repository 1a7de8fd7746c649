import type { LossReason } from "../log/index.ts"
import type { Message } from "../message.ts"

/**
 * Why a stream ended. `client`: its client disconnected · `ended`: it was sent `stream.end`, or a response of long polling was complete ·
 * `max_age`: `maxStreamAge` · `stalled`: its client read nothing for `stallTimeout` · `drain`: `hub.drain` or `hub.close` · `disconnected`:
 * `hub.disconnect` · `aborted`: the `signal` of its subscription · `error`: the log fails with an error of the program. A `signal` that
 * aborted with a string as its reason has that string as the reason instead of `aborted`.
 */
export type CloseReason =
  | "client"
  | "ended"
  | "max_age"
  | "stalled"
  | "drain"
  | "disconnected"
  | "aborted"
  | "error"
  | (string & {})

/**
 * How a stream started. `live`: with what is published from then on · `exact`: it resumed and missed nothing · `gap_trimmed`, `gap_epoch`,
 * `gap_unknown`: it resumed and was told a loss, by its reason · `earliest`: with everything kept · `history`: with another part of what is
 * kept (`since`, `last`).
 */
export type StartOutcome = "live" | "exact" | `gap_${LossReason}` | "earliest" | "history"

/** The stream that an observation is about. */
export interface ObservedStream {
  /** Its id in `hub.streams()`, unique in this hub. */
  readonly id: string
  /** The `label` of its subscription. */
  readonly label: string | undefined
}

/** Something that happened in a hub of this process, for the option `observe`. Durations are in ms, sizes in bytes of UTF-8. */
export type HubObservation =
  /** A stream was opened. */
  | (ObservedStream & {
      readonly type: "opened"
      readonly topics: readonly string[]
      readonly patterns: readonly string[]
      readonly userId: string | undefined
      readonly limitKey: string | undefined
    })
  /** A stream was refused, before any byte was sent. `code` is that of the `OnwardError`. */
  | { readonly type: "refused"; readonly code: string; readonly label: string | undefined }
  /** A stream found its start point. */
  | (ObservedStream & { readonly type: "resumed"; readonly outcome: StartOutcome })
  /** A stream was told that entries are lost. */
  | (ObservedStream & { readonly type: "gap"; readonly reason: LossReason })
  /** A live stream stopped being live: its client reads too slowly, or the tail of the log has a hole. */
  | (ObservedStream & { readonly type: "fell_behind" })
  /** A stream that was behind, or that started with history, is live. `duration` is the time since. */
  | (ObservedStream & { readonly type: "caught_up"; readonly duration: number })
  /** A stream that is behind received `entries` from the window or the log. */
  | (ObservedStream & { readonly type: "replayed"; readonly entries: number; readonly source: "window" | "log" })
  /** A stream ended. `entries` and `bytes` are what it was sent; the bytes before compression. */
  | (ObservedStream & {
      readonly type: "closed"
      readonly reason: CloseReason
      readonly lifetime: number
      readonly entries: number
      readonly bytes: number
    })
  /**
   * Messages of one call were stored, or refused with `error`. `repeated` of them were repeats, which are not stored. `bytes` is the size of
   * the data stored.
   */
  | {
      readonly type: "published"
      readonly messages: readonly Message[]
      readonly repeated: number
      readonly bytes: number
      readonly duration: number
      readonly error?: unknown
    }
  /**
   * Entries were written to live streams at the end of an event-loop turn. `entries` and `bytes` count each entry once for each of the
   * `writes`. `lag` is the time since the oldest of the entries was stored, by the clocks of log and process.
   */
  | {
      readonly type: "delivered"
      readonly entries: number
      readonly writes: number
      readonly bytes: number
      readonly lag: number
    }
  /** The log answered, or failed with `error`. */
  | {
      readonly type: "log"
      readonly operation: LogOperation
      readonly duration: number
      readonly error?: unknown
    }

export type LogOperation = "append" | "read" | "locate" | "bounds"

/** Receives what happens in a hub. */
export type Observe = (observation: HubObservation) => void

/** Observing must not change what it observes: `onError` gets the first error that `observe` throws. */
export function guardObserve(observe: Observe | undefined, onError: (error: unknown) => void): Observe | undefined {
  if (!observe) return undefined
  let hasFailed = false
  return (observation) => {
    try {
      observe(observation)
    } catch (error) {
      if (hasFailed) return
      hasFailed = true
      onError(error)
    }
  }
}
