import type { Clock } from "../clock.ts"
import type { Frame } from "../frame.ts"
import type { Log } from "../log/index.ts"
import type { Position } from "../message.ts"
import type { Turns } from "../turns.ts"
import type { Audience } from "./audience.ts"
import type { FanOut } from "./fan-out.ts"
import type { LookBacks } from "./look-backs.ts"
import type { TailListeners } from "./tail-listeners.ts"
import type { Window } from "./window.ts"

/** What the parts of a hub need of the whole. The core is it; said here, below them, so that nothing imports in a circle. */
export interface Context {
  readonly log: Log
  readonly clock: Clock
  readonly turns: Turns
  readonly lookBacks: LookBacks
  readonly window: Window
  readonly fanOut: FanOut
  readonly tailListeners: TailListeners
  readonly tail: TailState
  readonly heartbeat: number
  readonly stallTimeout: number
  readonly maxStreamAge: number
  readonly isClosed: boolean
  /** Does `question` until it succeeds, about once a second; undefined once `isOver`. */
  retryUntil<T>(question: () => Promise<T>, isOver: () => boolean): Promise<T | undefined>
  /** A connection is over. */
  left(member: Member): void
}

/** The end of the log, as far as this process has seen it. */
export interface TailState {
  /** Everything up to here has been handed on. */
  readonly position: Position
  /** Resolves when the end of the log is known. */
  readonly ready: Promise<void>
  readonly isReady: boolean
  /** Moves the client's resume point to `position`. */
  readonly checkpoint: Frame
  /** Who is ahead of this process, and wants to be told when it moves. */
  readonly waiting: Set<TailWaiter>
  /** There may be more to read; `newest`, when known, is the newest position there is. Hints may come late, in any order. */
  wake(newest?: Position): void
}

export interface TailWaiter {
  onTail(): void
}

/** A connection as the hub counts it. */
export interface Member {
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
  readonly audience: Audience
}
