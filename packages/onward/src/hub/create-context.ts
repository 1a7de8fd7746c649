import { turnsOf } from "../turns.ts"
import { FanOut } from "./fan-out.ts"
import { unfiledLog } from "./filed-log.ts"
import type { HubContext } from "./hub-context.ts"
import type { HubSettings } from "./hub-options.ts"
import { LookBacks } from "./look-backs.ts"
import { createRetry } from "./retry.ts"
import { SharedAnswers } from "./shared-answers.ts"
import { Tail } from "./tail.ts"
import { TailListeners } from "./tail-listeners.ts"
import { Window } from "./window.ts"

/** A context whose `tail` is still to be started. */
export interface CreatedContext extends HubContext {
  readonly tail: Tail
}

/** @param onGiveUp called once, when the log fails with an error of the program */
export function createContext(settings: HubSettings, onGiveUp: (cause: unknown) => void): CreatedContext {
  const { log, clock, limits, heartbeat, stallTimeout, maxStreamAge, onError, observe } = settings
  const context: Omit<CreatedContext, "tail"> = {
    log: unfiledLog(log),
    clock,
    limits,
    heartbeat,
    stallTimeout,
    maxStreamAge,
    onError,
    observe,
    turns: turnsOf(clock),
    lookBacks: new LookBacks(),
    sharedAnswers: new SharedAnswers(clock),
    window: new Window(settings.window, ""),
    fanOut: new FanOut(clock, limits, observe),
    tailListeners: new TailListeners(),
    isClosed: false,
    onClose: new Set(),
    ...createRetry({ clock, onError, onGiveUp }),
  }
  return Object.assign(context, { tail: new Tail(context) })
}
