import type { Sink } from "../sink.ts"
import type { ContentCoding } from "./request.ts"

/** The response to a request: complete, or a stream that `start` begins after the head was sent. */
export interface StreamAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** Text of a response that is not a stream. */
  readonly body?: string
  readonly start?: (sink: Sink) => void
  /** The content coding that the sink for `start` must write. @default plain text */
  readonly coding?: ContentCoding | undefined
  /** Whether the stream shares no events with other streams. @default false */
  readonly isAlone?: boolean
  /** Called instead of `start` when the head could not be sent. */
  readonly cancel?: () => void
}

/** The client has disconnected, so no response can reach it. */
export const GONE: StreamAnswer = { status: 499, headers: {} }

/** 204: a client with nothing left to receive stops reconnecting (WHATWG HTML section 9.2.5). */
export const nothingLeft = (cors: Record<string, string> | undefined): StreamAnswer => ({
  status: 204,
  headers: { "cache-control": "no-store", ...cors },
})

/** A response of one line of text. */
export const textAnswer = (status: number, text: string, headers: Record<string, string> = {}): StreamAnswer => ({
  status,
  headers: { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store", ...headers },
  body: `${text}\n`,
})
