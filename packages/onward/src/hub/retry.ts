import type { Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"

const RETRY_MS = 1_000
/** The same trouble is reported once in this time, in ms: thousands of streams can have it at once. */
const REPORT_MS = 10_000

export interface Retry {
  /** Calls `question` until it succeeds, about once a second; undefined once `isOver`, or when the log is given up. */
  retryUntil<T>(question: () => Promise<T>, isOver: () => boolean): Promise<T | undefined>
}

export interface RetryOptions {
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  /** Called once, for an error of the program: each later call would fail with it too. */
  readonly onGiveUp: (cause: unknown) => void
}

export function createRetry({ clock, onError, onGiveUp }: RetryOptions): Retry {
  let hasFailed = false
  let reportedAt = -Infinity
  let reported: unknown

  function report(error: unknown): void {
    const kind = error instanceof OnwardError ? error.code : error
    const now = clock.monotonic()
    if (kind === reported && now - reportedAt < REPORT_MS) return
    reported = kind
    reportedAt = now
    onError(error)
  }

  function giveUp(cause: unknown): undefined {
    if (hasFailed) return undefined
    hasFailed = true
    onGiveUp(cause)
    return undefined
  }

  return {
    async retryUntil(question, isOver) {
      for (;;) {
        if (isOver() || hasFailed) return undefined
        try {
          return await question()
        } catch (error) {
          if (isOver()) return undefined
          if (isMistake(error)) return giveUp(error)
          report(error)
        }
        await new Promise<void>((resolve) => clock.after(RETRY_MS * (0.5 + clock.random()), resolve))
      }
    },
  }
}

/** Whether an error is one of the program, not of a store. `fetch` also rejects with a TypeError, but that one has a cause. */
const isMistake = (error: unknown): boolean =>
  error instanceof Error && /^(?:Type|Reference|Range|Syntax)Error$/.test(error.name) && error.cause === undefined
