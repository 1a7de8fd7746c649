import type { ParsedEvent } from "../protocol/index.ts"

/** An event as a test gets it; equal to a plain `{ event, data, id }`. */
export interface ReceivedEvent extends ParsedEvent {
  /** Its data, parsed as JSON. Throws a `SyntaxError` if it is not JSON. */
  json<Data = unknown>(): Data
}

export function received(event: ParsedEvent): ReceivedEvent {
  const plain = { event: event.event, data: event.data, id: event.id }
  // not enumerable, so that an event can be compared with what is expected of it
  return Object.defineProperty(plain, "json", { value: () => JSON.parse(event.data) as unknown }) as ReceivedEvent
}
