import { OnwardError } from "../../errors.ts"

/** Runs calls until the log is closed. */
export interface Gate {
  /** Whether `close` was called. */
  readonly isClosed: boolean
  /** Runs a call. Rejects with `log_closed` after `close`. */
  call<Result>(run: () => Promise<Result>): Promise<Result>
  /**
   * Closes the log: refuses new calls, runs `stop`, waits until pending calls have settled, then runs `free`.
   * Each step runs once; a second call of `close` resolves with the first.
   */
  close(steps: CloseSteps): Promise<void>
}

export interface CloseSteps {
  /** Stops timers, so that no new call starts. */
  readonly stop?: () => void
  /** Frees the resources that pending calls needed. */
  readonly free?: () => void | Promise<void>
}

/** The error of a call after `close`. */
export const closedError = (): OnwardError => new OnwardError("log_closed", "The log is closed. Create another one.")

/** Creates a gate, which implements the rules of `Log.close`: run each call of the log through it. */
export function createGate(): Gate {
  // a number, not a set of promises: a set that is often changed keeps what it held alive, pages included, until the next full collection
  let pending = 0
  const settled = Promise.withResolvers<void>()
  let closing: Promise<void> | undefined

  async function close({ stop, free }: CloseSteps): Promise<void> {
    stop?.()
    if (pending > 0) await settled.promise
    await free?.()
  }

  return {
    get isClosed() {
      return closing !== undefined
    },
    async call(run) {
      if (closing) throw closedError()
      pending++
      try {
        return await run()
      } finally {
        pending--
        if (closing && pending === 0) settled.resolve()
      }
    },
    close: (steps) => (closing ??= close(steps)),
  }
}
