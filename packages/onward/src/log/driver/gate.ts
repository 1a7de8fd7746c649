import { OnwardError } from "../../errors.ts"

/** Lets calls through until the log is closed. */
export interface Gate {
  /** Whether `close` was called. */
  readonly isClosed: boolean
  /** Runs a call. Rejects with `log_closed` once the log is closed. */
  call<Result>(run: () => Promise<Result>): Promise<Result>
  /**
   * Closes the log: refuses further calls and runs `stop`, waits until the calls under way have settled, then runs `free`.
   * Each runs once; a second call of `close` resolves with the first.
   */
  close(steps: CloseSteps): Promise<void>
}

export interface CloseSteps {
  /** Stops timers, so that no further call begins. */
  readonly stop?: () => void
  /** Frees what the calls under way needed. */
  readonly free?: () => void | Promise<void>
}

/** The error of a call after `close`. */
export const closedError = (): OnwardError => new OnwardError("log_closed", "The log is closed. Create another one.")

/** Creates the gate that each call of a log passes: the `close` of the `Log` contract. */
export function createGate(): Gate {
  const underWay = new Set<Promise<unknown>>()
  let closing: Promise<void> | undefined

  async function close({ stop, free }: CloseSteps): Promise<void> {
    stop?.()
    await Promise.allSettled(underWay)
    await free?.()
  }

  return {
    get isClosed() {
      return closing !== undefined
    },
    async call(run) {
      if (closing) throw closedError()
      const running = run()
      underWay.add(running)
      try {
        return await running
      } finally {
        underWay.delete(running)
      }
    },
    close: (steps) => (closing ??= close(steps)),
  }
}
