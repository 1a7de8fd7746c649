import type { Sink } from "../sink.ts"
import type { Audience } from "./audience.ts"

/** How a cursor is made. */
export interface CursorOptions {
  /** Behind, it is sent only the newest entry of each topic. */
  readonly newestOnly: boolean
  readonly id: number
  readonly audience: Audience
  readonly sink: Sink
  readonly limitKey: string | undefined
  readonly signal: AbortSignal | undefined
  readonly userId: string | undefined
  readonly label: string | undefined
  /** Whether the stream continues with new entries, after those that are kept. */
  readonly follow: boolean
}
