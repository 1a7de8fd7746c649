import type { Clock } from "../clock.ts"
import type { CorsOptions } from "./cors.ts"
import type { ContentCoding } from "./request.ts"

/** How `sse` compresses streams. */
export interface CompressOptions {
  /**
   * The coding for clients that accept both, as browsers do. `"gzip"` for small events, such as JSON. `"zstd"` for events of more than
   * 4 kB that resemble the ones before them, such as HTML of a page: it keeps up to 256 KiB of earlier events instead of 8 KiB. Node before
   * 22.19 and 24.6 sends gzip instead.
   */
  readonly prefer: ContentCoding
}

/** Options of `sse` that every source can have. */
export interface SseResponseOptions {
  /** Origins whose pages may read the stream. @default only the server's own origin */
  readonly cors?: CorsOptions
  /** Additional response headers. */
  readonly headers?: Readonly<Record<string, string>>
  /** Reconnection time for clients, in ms, sent with the first event or checkpoint. @default the client's */
  readonly retry?: number
  /**
   * Sends a comment this long after the last event of a burst, in ms; 50 to 100 is typical. For scanners and clients that release an event
   * only when more bytes follow it: see docs/production.md. @default no comment
   */
  readonly flushAfter?: number
  /** Bytes of comment to send first, for proxies that buffer the first kilobyte or two. @default 0 */
  readonly padding?: number
  /**
   * Streams to every client, even if its `Accept` header excludes `text/event-stream`. Clients of AI providers send `application/json` and
   * expect a stream. @default false: such a request is answered 406
   */
  readonly ignoreAccept?: boolean
  /**
   * Asks proxies not to buffer the response, by `Incremental: ?1` (RFC 10036). A proxy that must read whole responses then answers 501
   * instead of holding the stream. @default true
   */
  readonly incremental?: boolean
  /**
   * Sends gzip or zstd to clients that accept it. Events of a hub are compressed once for all clients; a custom source is compressed for
   * its client. `"shared"` is short for `{ prefer: "gzip" }`. It works on Node; other runtimes send plain text. Do not mix secrets with text
   * that others choose: see docs/production.md. @default no compression
   */
  readonly compress?: "shared" | CompressOptions
  /** Source of time and randomness; in tests the clock of `onward/testing`. @default the hub's clock; for a custom source the system clock */
  readonly clock?: Clock
}

/** Options of `sse` for a hub's subscription. Heartbeat, stall timeout and `onError` are options of `createHub`. */
export type SubscriptionSseOptions = SseResponseOptions

/** Options of `sse` for a custom source: an async iterable, a `ReadableStream` or a function. */
export interface SourceSseOptions extends SseResponseOptions {
  /** Maximum silence on the stream before a heartbeat comment is sent, in ms. @default 15_000 */
  readonly heartbeat?: number
  /** How long the client may read nothing before it is disconnected, in ms. @default 120_000 */
  readonly stallTimeout?: number
  /** Whether `stream.end` follows when the source ends, so that clients stop reconnecting. @default true */
  readonly end?: boolean
  /** Ends the stream when aborted, for example when the server closes. Clients reconnect. */
  readonly signal?: AbortSignal
  /** Called with errors of the source. Clients never see them. @default console.error */
  readonly onError?: (error: unknown) => void
}
