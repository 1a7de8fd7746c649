import type { Sink } from "../sink.ts"
import type { Audience } from "./audience.ts"
import type { KeyOf } from "./newest-by-key.ts"

/** What a subscription says of its streams. */
export interface CursorHow {
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
  readonly label: string | undefined
  /** Whether the stream continues with new entries, after those that are kept. */
  readonly follow: boolean
  /** Whether it is sent only the newest entry of each topic that it missed; a function for each key. */
  readonly newestOnly: boolean | KeyOf
}

/** How a cursor is made. */
export interface CursorOptions {
  readonly id: number
  readonly audience: Audience
  readonly sink: Sink
  readonly how: CursorHow
}
