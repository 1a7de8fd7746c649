import type { ScriptAttempt } from "./script.ts"

export interface Action {
  readonly on: "open" | "message" | "error" | "ms"
  readonly at?: number
  readonly do: "close" | "abort"
}
export interface Dispatched {
  readonly event: string
  readonly data: string
  readonly lastEventId: string
}
export interface Count {
  readonly min?: number
  readonly max?: number
}
interface ExpectedRequest {
  readonly index: number
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string | null>>
  readonly headersUtf8?: Readonly<Record<string, string>>
}

/** One of `vectors/client.json`, whose `schema` explains it. */
export interface Vector {
  readonly id: string
  readonly name: string
  readonly why: string
  readonly mode: "spec" | "extended"
  readonly client: {
    readonly types?: readonly string[]
    readonly actions?: readonly Action[]
    readonly method?: string
    readonly body?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly headersFn?: "counter"
    readonly lastEventId?: string
    readonly replay?: boolean
    readonly retryOn?: readonly number[]
    readonly backoff?: object
    readonly idleTimeoutMs?: number
    readonly maxEventSize?: number
    readonly done?: string
  }
  readonly server: readonly ScriptAttempt[]
  readonly runMs: number
  readonly expect: {
    readonly events?: readonly Dispatched[]
    readonly opens?: Count
    readonly errors?: Count
    readonly errorStates?: readonly State[]
    readonly finalState?: State
    readonly requests?: Count
    readonly request?: readonly ExpectedRequest[]
    readonly gapMs?: readonly {
      readonly between: readonly [number, number]
      readonly min?: number
      readonly max?: number
    }[]
  }
}

export type State = "connecting" | "open" | "closed"
