/** A request as handlers get it. */
export interface Asked {
  readonly method: string
  /** Path and query. */
  readonly path: string
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
}

/** How a body was over: as the server meant it, or before. */
export type ConnectionEnd = "ended" | "cut"

/** Receives a body while it arrives. */
export interface Receiver {
  onBytes(bytes: Uint8Array): void
  /** The first call counts. */
  onOver(ending: ConnectionEnd): void
}

/**
 * Bytes after which a client lets a turn of the event loop pass before it takes more. Memory has always room, so without a pause a source
 * that has none either would let nothing else happen.
 */
export const BREATH_BYTES = 1_048_576

/** An answer whose head is there. */
export interface Exchange {
  readonly status: number
  readonly headers: Headers
  /** Begins to take the body. */
  read(receiver: Receiver): void
  /** Takes nothing more, until `flow`. */
  stall(): void
  flow(): void
  /** The connection is gone; resolves once the server knows. */
  cut(): Promise<void>
}

/** How a request gets to a handler. Rejects with what the handler throws before it has answered. */
export type Transport = (asked: Asked) => Promise<Exchange>
