import type { Subscription } from "../hub/index.ts"
import type { WireMessage } from "../protocol/index.ts"
import type { SourceSseOptions } from "./options.ts"

/** What a custom source yields: a message, or a string, which is sent as its data. */
export type SourceItem = string | WireMessage

/** The argument of a source function. */
export interface SourceContext {
  /** The `Last-Event-ID` of a client that reconnects. It comes from the client, so check it like any other input. */
  readonly lastEventId: string | undefined
  /** Aborted once, when the stream is over for any reason. */
  readonly signal: AbortSignal
}

/** Events that are pulled as fast as the client reads them. */
export type SourceStream = AsyncIterable<SourceItem> | ReadableStream<SourceItem>

/** Makes the stream for one request. With null or undefined the answer is 204, at which an `EventSource` stops reconnecting. */
export type SourceFunction = (
  context: SourceContext,
) => SourceStream | null | undefined | Promise<SourceStream | null | undefined>

/** A custom source apart from its options. */
export type CustomSource = SourceStream | SourceFunction

/** A source with the options that it is streamed with. `runs.source` and `resume` of `onward/mcp` return one. */
export interface PreparedSource {
  /** A mark that all copies of the library know. */
  readonly "onward.source": true
  readonly open: SourceFunction
  /** Defaults for the options of `sse`. `headers` are combined, and either `signal` ends the stream. */
  readonly options: SourceSseOptions
}

/** What `sse` streams: a hub's subscription, a prepared source, or an async iterable, a `ReadableStream` or a function. */
export type Source = Subscription | PreparedSource | SourceStream | SourceFunction
