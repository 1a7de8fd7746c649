import type { Frame } from "./frame.ts"

/** Where the bytes of a stream are written: a Node response, an HTTP/2 stream, a web ReadableStream. Adapters make them. */
export interface Sink {
  /** Receives drain and close; set before the first write. An object, not closures, because there are many sinks. */
  owner: SinkOwner | undefined
  /**
   * Takes the frame in any case. False means full: write nothing more until `owner.onDrain` is called.
   * @param audience given when the frame is written to all live connections of this audience, with no other frame of these connections in
   *   between. A sink that compresses can then share the result with all connections that received the same before. The audience of a
   *   sink never changes.
   */
  write(frame: Frame, audience?: object): boolean
  /** As `write`, for text that only this sink receives, so that its bytes need not be shared. */
  writeText(text: string): boolean
  /** Ends the stream after what was written; with `abort`, at once, without what the client did not read. Can be called repeatedly. */
  close(options?: { readonly abort?: boolean }): void
}

/** Called by a sink, never from inside `write`. */
export interface SinkOwner {
  /** A sink that answered false has room again. */
  onDrain(): void
  /**
   * The stream has ended: the client disconnected, an error occurred, or the server closed it. Called once.
   * @param isComplete true when the sink ended the stream itself, because its response is complete
   */
  onClose(isComplete?: true): void
}
