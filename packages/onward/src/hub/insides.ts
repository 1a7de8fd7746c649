import type { Clock } from "../clock.ts"
import type { Appended, Log } from "../log/index.ts"
import { kindOf } from "../kind.ts"
import type { StoredMessage } from "../message.ts"
import type { Turns } from "../turns.ts"
import type { End } from "./context.ts"
import type { Taps } from "./taps.ts"

/** What floors above need of a hub, and its users do not. */
export interface Insides {
  readonly core: {
    readonly log: Log
    readonly clock: Clock
    readonly turns: Turns
    readonly heartbeat: number
    readonly taps: Taps
    readonly tail: End
    readonly isClosed: boolean
    readonly onError: (error: unknown) => void
    persist<T>(question: () => Promise<T>, isOver: () => boolean): Promise<T | undefined>
  }
  /** Appends what is checked already; whoever is live here gets it without reading it back. */
  append(messages: readonly StoredMessage[]): Promise<Appended>
}

const insides = new WeakMap<object, Insides>()

export const giveInsides = (hub: object, its: Insides): void => void insides.set(hub, its)

/** Throws `TypeError` for what was not made by `createHub`. */
export function insidesOf(hub: object): Insides {
  const its = insides.get(hub)
  if (!its) throw new TypeError(`\`hub\` must be what createHub returned, not ${kindOf(hub)}.`)
  return its
}
