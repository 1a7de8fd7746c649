import type { Clock } from "../clock.ts"
import type { Frame } from "../frame.ts"
import { kindOf } from "../kind.ts"
import type { Appended, Log } from "../log/index.ts"
import type { Message, Position, StoredMessage } from "../message.ts"
import type { Turns } from "../turns.ts"
import type { FanOut } from "./fan-out.ts"
import type { Limits } from "./limits.ts"
import type { LookBacks } from "./look-backs.ts"
import type { Observe } from "./observation.ts"
import type { Retry } from "./retry.ts"
import type { SharedAnswers } from "./shared-answers.ts"
import type { TailListeners } from "./tail-listeners.ts"
import type { Window } from "./window.ts"

/** What the parts that read one log share. An interface below all of them, so that no import is circular; `createLogReader` makes it. */
export interface ReaderContext extends Retry {
  readonly log: Log
  readonly clock: Clock
  readonly turns: Turns
  readonly sharedAnswers: SharedAnswers
  readonly window: Window
  /** Receives the entries that arrive, before the tail listeners. */
  readonly fanOut: Pick<FanOut, "isLarge" | "prepare" | "arrive" | "interrupt">
  readonly tailListeners: TailListeners
  readonly tail: TailState
  /** Set by `hub.close`. */
  isClosed: boolean
  /** Called when the hub closes. */
  readonly onClose: Set<() => void>
}

/** What the parts of one hub share; `createContext` makes it. */
export interface HubContext extends ReaderContext {
  readonly limits: Limits
  readonly heartbeat: number
  readonly stallTimeout: number
  readonly maxStreamAge: number
  readonly onError: (error: unknown) => void
  /** Undefined when nothing is observed. It does not throw. */
  readonly observe: Observe | undefined
  readonly lookBacks: LookBacks
  readonly fanOut: FanOut
}

/** The end of the log, as far as this process has read it. */
export interface TailState {
  /** Everything up to this position was delivered in this process. */
  readonly position: Position
  /** Resolves when the end of the log is known. */
  readonly ready: Promise<void>
  readonly isReady: boolean
  /** Whether the log may have entries or losses on the topic of entries with several topics. */
  readonly hasMany: boolean
  /** The frame that moves a client's resume point to `position`. */
  readonly checkpoint: Frame
  /** Followers that are ahead of this process; each is called once, when the tail has moved. */
  readonly waiting: Set<TailWaiter>
  /** Reads the log soon. `newest` is its newest position, if known. Calls may be late and in any order. */
  wake(newest?: Position): void
  /** Resolves when everything that the log holds now was delivered in this process. Rejects with what the log rejects with. */
  reachEnd(): Promise<void>
}

/** A part of the hub that waits until the tail has moved. */
export interface TailWaiter {
  onTail(): void
}

/** What the layers above use to read and write a log. */
export interface LogInternals {
  readonly context: ReaderContext
  /** Appends checked messages; live receivers of this process get them without a read. */
  append(messages: readonly StoredMessage[]): Promise<Appended>
}

/** What the layers above use of a hub, and its users do not. */
export interface Internals extends LogInternals {
  readonly context: HubContext
  /** Messages with topics of any name, checked and as the log stores them: to append them together with records. */
  stored(messages: readonly Message[]): StoredMessage[]
}

const internals = new WeakMap<object, Internals>()

export const setInternals = (hub: object, its: Internals): void => void internals.set(hub, its)

/** Throws `TypeError` for a value that `createHub` did not return. */
export function internalsOf(hub: object): Internals {
  const its = internals.get(hub)
  if (!its) throw new TypeError(`\`hub\` must be what createHub returned, not ${kindOf(hub)}.`)
  return its
}
