import type { Frame } from "./frame.ts"

/** Where a stream's bytes go: a Node response, an HTTP/2 stream, a web ReadableStream. */
export interface Sink {
  /** Takes the frame, always; false means: full, call nothing but `close` until `onDrain` was called. */
  write(frame: Frame): boolean
  /** Called when a sink that answered false has room again. Set by whoever writes. */
  onDrain: (() => void) | undefined
  /** Called once when the stream is over, however it ended: client gone, error, or our own close. Set by whoever writes. */
  onClose: (() => void) | undefined
  /** Ends the stream after what was written; with `abort` at once, dropping what the client did not take. */
  close(options?: { abort?: boolean }): void
}
