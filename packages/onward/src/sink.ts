import type { Frame } from "./frame.ts"

/** Where a stream's bytes go: a Node response, an HTTP/2 stream, a web ReadableStream. Adapters make them. */
export interface Sink {
  /** Who is told what becomes of the stream; set before the first write. An object, not closures: there are many sinks. */
  owner: SinkOwner | undefined
  /**
   * Takes the frame in any case. False means full: write nothing more until `owner.onDrain` was called.
   * @param audience given when the frame goes to all live connections of this audience, one after the other, and no other one of theirs
   *   in between: what is made of it for one may be shared with all who got the same before. A sink only ever sees one audience.
   */
  write(frame: Frame, audience?: object): boolean
  /** The same for text that no other sink gets, so that no bytes need to be made of it to be shared. */
  writeText(text: string): boolean
  /** Ends the stream after what was written; with `abort` at once, dropping what the client did not take. Repeats are fine. */
  close(options?: { readonly abort?: boolean }): void
}

/** What a sink calls. Never from inside `write`. */
export interface SinkOwner {
  /** A sink that answered false has room again. */
  onDrain(): void
  /** The stream is over, however it ended: client gone, error, or our own close. Called once. */
  onClose(): void
}
