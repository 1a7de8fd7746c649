import { OnwardError } from "../errors.ts"
import { fault } from "./request.ts"
import type { EventContract, EventOutput, EventSchemas } from "../events.ts"
import type { ParsedEvent } from "../protocol/index.ts"

/** The data of `stream.gap`: events that are permanently lost. */
export interface Gap {
  /** Why: `trimmed` (removed by retention), `epoch` (the log was recreated), or `unknown` (the server does not know the id). */
  readonly reason: string
  /** The id after which events may be missing. */
  readonly from: string
  /** The position up to which events may be missing. */
  readonly to: string
}

/** An event that a stream delivers. */
export interface StreamEvent {
  /** The name of the event; "message" if the server sends none. */
  readonly event: string
  readonly data: string
  /** The id of the event. A later stream resumes after it with the option `lastEventId`. */
  readonly id: string
  /** The topic of the event, if the server sends it: `includeTopic` of `hub.subscribe`, or `topics=1` in a URL of the hub. */
  readonly topic?: string
  /** Parses `data` as JSON. Throws `OnwardError("validation_failed")` if it is not JSON. */
  json<T = unknown>(): T
}

/** An event of a contract: `data` has the type of its schema's output. */
export type TypedStreamEvent<S extends EventSchemas> = (
  | EventOutput<S>
  | { readonly event: "stream.gap"; readonly data: Gap }
) & { readonly id: string; readonly topic?: string }

/** The options of a stream with a contract. */
export interface TypedOptions<S extends EventSchemas> {
  /** The contract of the events, made with `defineEvents`. Events that it does not name are skipped. */
  readonly events: EventContract<S>
  /**
   * Whether data is validated and transformed by its schema. Otherwise the schema only decides whether data is text or JSON.
   * @default false
   */
  readonly validate?: boolean
  /** What happens to an event that does not fit its schema: the stream fails, or the event is skipped; a function is called with it. @default "throw" */
  readonly onInvalid?: "throw" | "skip" | ((error: unknown, event: StreamEvent) => void)
}

export class Received implements StreamEvent {
  readonly event: string
  readonly data: string
  readonly id: string
  declare readonly topic?: string

  constructor({ event, data, id, topic }: ParsedEvent) {
    this.event = event
    this.data = data
    this.id = id
    if (topic) this.topic = topic
  }

  json<T>(): T {
    try {
      return JSON.parse(this.data) as T
    } catch (cause) {
      throw fault("validation_failed", `The data of "${this.event}" is not JSON. Read \`data\` instead.`, 0, cause)
    }
  }
}

/** Returns the next event that fits the contract. */
export async function nextTyped(
  next: () => Promise<IteratorResult<StreamEvent, undefined>>,
  { events, validate = false, onInvalid = "throw" }: TypedOptions<EventSchemas>,
): Promise<IteratorResult<unknown, undefined>> {
  for (;;) {
    const result = await next()
    if (result.done) return result
    const { event, id, topic } = result.value
    if (event === "stream.gap") return { done: false, value: { event, data: result.value.json<Gap>(), id } }
    if (!Object.hasOwn(events.schemas, event)) continue
    try {
      return {
        done: false,
        value: { ...(await events.parse(result.value, { validate })), id, ...(topic && { topic }) },
      }
    } catch (thrown) {
      const error = thrown instanceof OnwardError ? fault(thrown.code, thrown.message) : thrown
      if (onInvalid === "throw") throw error
      if (onInvalid !== "skip") onInvalid(error, result.value)
    }
  }
}
