import { OnwardError } from "../errors.ts"
import { fault } from "./request.ts"
import type { EventContract, EventOutput, EventSchemas } from "../events.ts"
import type { ParsedEvent } from "../protocol/index.ts"

/** What was missed for good, as `stream.gap` says it. */
export interface Gap {
  /** Why: retention removed it, the log was made anew, the id is unknown. */
  readonly reason: string
  /** The id after which something may be missing. */
  readonly from: string
  /** Up to which position. */
  readonly to: string
}

/** An event as it is handed out. */
export interface StreamEvent {
  /** "message" when the server named none. */
  readonly event: string
  readonly data: string
  /** What a later stream can carry on after: give it as `lastEventId`. */
  readonly id: string
  /** `data` as JSON. Throws `OnwardError("validation_failed")` when it is none. */
  json<T = unknown>(): T
}

/** An event under a contract: `data` is what its schema makes of it. */
export type TypedStreamEvent<S extends EventSchemas> = (
  | EventOutput<S>
  | { readonly event: "stream.gap"; readonly data: Gap }
) & { readonly id: string }

/** What a contract does to the events of a stream. */
export interface TypedOptions<S extends EventSchemas> {
  /** What arrives, as the publisher declared it. Events it does not name are passed over. */
  readonly events: EventContract<S>
  /**
   * Whether data is checked, and made what the schema makes of it. Otherwise it is believed; only to tell text from JSON its schema is asked.
   * @default false
   */
  readonly validate?: boolean
  /** What to do with an event that does not fit. @default "throw" */
  readonly onInvalid?: "throw" | "skip" | ((error: unknown, event: StreamEvent) => void)
}

export class Received implements StreamEvent {
  readonly event: string
  readonly data: string
  readonly id: string

  constructor({ event, data, id }: ParsedEvent) {
    this.event = event
    this.data = data
    this.id = id
  }

  json<T>(): T {
    try {
      return JSON.parse(this.data) as T
    } catch (cause) {
      throw fault("validation_failed", `The data of "${this.event}" is not JSON. Read \`data\`.`, 0, cause)
    }
  }
}

/** The next event that fits the contract. */
export async function nextTyped(
  next: () => Promise<IteratorResult<StreamEvent, undefined>>,
  { events, validate = false, onInvalid = "throw" }: TypedOptions<EventSchemas>,
): Promise<IteratorResult<unknown, undefined>> {
  for (;;) {
    const result = await next()
    if (result.done) return result
    const { event, id } = result.value
    if (event === "stream.gap") return { done: false, value: { event, data: result.value.json<Gap>(), id } }
    if (!Object.hasOwn(events.schemas, event)) continue
    try {
      return { done: false, value: { ...(await events.parse(result.value, { validate })), id } }
    } catch (thrown) {
      const error = thrown instanceof OnwardError ? fault(thrown.code, thrown.message) : thrown
      if (onInvalid === "throw") throw error
      if (onInvalid !== "skip") onInvalid(error, result.value)
    }
  }
}
