import type { Clock } from "../clock.ts"
import type { Log } from "../log/index.ts"
import { turnsOf } from "../turns.ts"
import { appendTo } from "./append.ts"
import type { LogInternals, ReaderContext } from "./hub-context.ts"
import { createRetry } from "./retry.ts"
import { SharedAnswers } from "./shared-answers.ts"
import { TailListeners } from "./tail-listeners.ts"
import { Tail } from "./tail.ts"
import { Window } from "./window.ts"

interface LogReaderOptions {
  readonly log: Log
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Reads a log once for all receivers of this process, as a hub does, but has no streams. */
export interface LogReader extends LogInternals {
  /** Closes the log. */
  close(): Promise<void>
}

export function createLogReader({ log, clock, onError }: LogReaderOptions): LogReader {
  const shared: Omit<ReaderContext, "tail"> = {
    log,
    clock,
    turns: turnsOf(clock),
    sharedAnswers: new SharedAnswers(clock),
    // its receivers keep what they need
    window: new Window({ maxEntries: 0, maxChars: 0 }, ""),
    fanOut: { isLarge: () => false, async prepare() {}, arrive() {}, interrupt() {} },
    tailListeners: new TailListeners(),
    isClosed: false,
    onClose: new Set(),
    ...createRetry({ clock, onError, onGiveUp: onError }),
  }
  const context = Object.assign(shared, { tail: new Tail(shared) })
  context.tail.start()
  return {
    context,
    append: (messages) => appendTo(context, messages),
    async close() {
      if (context.isClosed) return
      context.isClosed = true
      for (const close of context.onClose) close()
      context.sharedAnswers.forget()
      await context.tail.stop()
      await log.close()
    },
  }
}
