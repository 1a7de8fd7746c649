import { systemClock, type Clock } from "../../clock.ts"
import type { StoredMessage } from "../../message.ts"
import type { Log, Retention } from "../log.ts"

/** `sharing`: several logs on one store, at once and one after the other. `clock`: the `clock` option. */
export type Need = "sharing" | "clock"

export interface OpenLogOptions {
  readonly retention?: Retention
  /** Gives entries their time, and measures their age. */
  readonly clock?: Clock
}

export interface Case {
  readonly name: string
  readonly needs?: readonly Need[]
  readonly run: (setting: Setting) => Promise<void>
}

/** What a case is given: an empty store, and a seed for whatever is random. */
export interface Setting {
  readonly seed: number
  /** How long to wait for what must happen some time, in milliseconds. */
  readonly wakeTimeout: number
  /** Opens a log on the store; it is closed when the case is over. */
  readonly open: (options?: OpenLogOptions) => Promise<Log>
}

/** No limits at all, for the cases that are not about them. */
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

/** A clock that stands still. Setting its time forward lets as much time pass; setting it back lets none pass. */
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

/** Retention takes effect by the next append at the latest; where the log can be told to, now. */
export const settle = async (log: Log): Promise<void> => log.trim?.()
