import type { Action, Dispatched, State } from "../../packages/onward/test/client/vector.ts"

/** What a client is to do. Plain data, so that each can do it in a process, or a page, of its own. */
export interface Task {
  readonly url: string
  /** Names of events to listen to, besides "message". */
  readonly types?: readonly string[]
  readonly actions?: readonly Action[]
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
  /** A bearer token that is another one each time it is asked for: `t0`, `t1`, … */
  readonly hasToken?: boolean
  readonly lastEventId?: string
  /** Ends it, 50 ms after the first event. */
  readonly abort?: boolean
  /** Tries again after 503 and the like. */
  readonly retry?: boolean
  readonly idleTimeout?: number
  readonly maxEventChars?: number
  readonly reconnectOnEnd?: boolean
  /** One connection for all consumers. */
  readonly shared?: boolean
  /** How many consumers there are. @default 1 */
  readonly consumers?: number
  /** What the program does with an event: throws, once, or is not done with it for ever. */
  readonly onEvent?: "throw" | "hold"
  /** Whether nothing else keeps the process alive. @default false */
  readonly isAlone?: boolean
}

/** What a client tells of an error. */
export interface Failure {
  readonly state: State
  /** A name that a program can switch on. */
  readonly code?: string | undefined
  readonly status?: number | undefined
}

/** What is reported, in the order in which it happened. */
export type Report =
  | { readonly opened: true }
  | { readonly event: Dispatched }
  | { readonly failed: Failure }
  | { readonly state: State }
  /** What the program threw came back to it. */
  | { readonly caught: true }

export interface Told {
  opened(): void
  /** Throws, or never resolves, when the task says so. */
  event(event: Dispatched): void | Promise<void>
  failed(failure: Failure): void
  caught(): void
}

export interface Running {
  state(): State
  close(): void
}

/** Starts a client as its documentation says, with as much of the task as it has options for. */
export type Start = (task: Task, told: Told) => Running | Promise<Running>
