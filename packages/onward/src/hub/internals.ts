import type { Clock } from "../clock.ts"
import type { Appended, Log } from "../log/index.ts"
import { kindOf } from "../kind.ts"
import type { StoredMessage } from "../message.ts"
import type { Turns } from "../turns.ts"
import type { TailState } from "./context.ts"
import type { TailListeners } from "./tail-listeners.ts"

/** What layers above need of a hub, and its users do not. */
export interface Internals {
  readonly core: {
    readonly log: Log
    readonly clock: Clock
    readonly turns: Turns
    readonly heartbeat: number
    readonly tailListeners: TailListeners
    readonly tail: TailState
    readonly isClosed: boolean
    readonly onError: (error: unknown) => void
    retryUntil<T>(question: () => Promise<T>, isOver: () => boolean): Promise<T | undefined>
  }
  /** Appends what is checked already; whoever is live here gets it without reading it back. */
  append(messages: readonly StoredMessage[]): Promise<Appended>
}

const internals = new WeakMap<object, Internals>()

export const setInternals = (hub: object, its: Internals): void => void internals.set(hub, its)

/** Throws `TypeError` for what was not made by `createHub`. */
export function internalsOf(hub: object): Internals {
  const its = internals.get(hub)
  if (!its) throw new TypeError(`\`hub\` must be what createHub returned, not ${kindOf(hub)}.`)
  return its
}
