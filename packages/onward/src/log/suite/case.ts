import { systemClock, type Clock } from "../../clock.ts"
import type { StoredMessage } from "../../message.ts"
import type { Log, Retention } from "../log.ts"

/** A feature that a case needs. `sharing`: several logs on one store, at the same time and one after the other. `clock`: the `clock` option. `forget`: the method of that name. */
export type Need = "sharing" | "clock" | "forget"

export interface OpenLogOptions {
  readonly retention?: Retention
  /** The clock for the time and age of entries. @default the clock of the driver */
  readonly clock?: Clock
}

export interface Case {
  readonly name: string
  readonly needs?: readonly Need[]
  readonly run: (setting: Setting) => Promise<void>
}

/** The environment of a case: an empty store, and a seed for random values. */
export interface Setting {
  readonly seed: number
  /** How long to wait for a wake, in milliseconds. */
  readonly wakeTimeout: number
  /** Opens a log on the store. It is closed when the case ends. */
  readonly open: (options?: OpenLogOptions) => Promise<Log>
}

/** Options without limits, for cases that do not test retention. */
export const KEEP_ALL: OpenLogOptions = { retention: {} }

export const message = (
  topic: string,
  data: string,
  more: Omit<StoredMessage, "topic" | "data"> = {},
): StoredMessage => ({
  topic,
  data,
  ...more,
})

/** A clock that advances only by `set`. Setting it forward advances the monotonic time equally; setting it back does not change that. */
export function stoppedClock(start: number): { readonly clock: Clock; readonly set: (time: number) => void } {
  let now = start
  let passed = 0
  return {
    clock: { ...systemClock, now: () => now, monotonic: () => passed },
    set(time) {
      passed += Math.max(0, time - now)
      now = time
    },
  }
}

/** `count` messages on `topic` with data `<topic> <from>`, `<topic> <from + 1>`, … */
export const messages = (topic: string, count: number, from = 1): StoredMessage[] =>
  Array.from({ length: count }, (_, i) => message(topic, `${topic} ${from + i}`))

export const dataOf = (entries: readonly StoredMessage[]): string[] => entries.map(({ data }) => data)

/** Applies retention now, if the log has `trim`. Other logs apply it with the next append. */
export const settle = async (log: Log): Promise<void> => log.trim?.()
