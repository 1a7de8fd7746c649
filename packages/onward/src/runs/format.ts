import { kindOf } from "../kind.ts"

/**
 * How the frames of a provider's or an agent's stream are written as SSE messages, and what they mean. A format does not depend on logs,
 * runs or sockets. `F` is the type of a frame, as clients of the format know it.
 */
export interface Format<F = unknown> {
  /** Its name in options, such as `openai-chat`. */
  readonly name: string
  /** Response headers that its clients expect, besides those of an event stream. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Whether the end of a source completes the response, even without a frame that says so: true, or `"frames"` for sources that yield
   * frames only, because a `Response` that ends early may have been cut. @default false
   */
  readonly endsWithSource?: boolean | "frames"
  /** The data of the message that ends a stream and completes the response, such as `[DONE]`. It is also a valid frame. @default none */
  readonly terminator?: string
  /** Whether a stream can contain several responses: another one may follow a completed one. @default false */
  readonly isSequence?: boolean
  /** Encodes a frame as an SSE message, without an id. */
  encode(frame: F): FormatMessage
  /**
   * Decodes the frame in an SSE message; undefined for a message without content: a ping, a terminator, padding.
   * @throws OnwardError `source_failed` for anything that is not a frame of this format
   */
  decode(message: FormatMessage): F | undefined
  /** Merges two frames if a client cannot tell the difference; else undefined. */
  merge(previous: F, next: F): F | undefined
  /** Makes a reader for the frames of one response. */
  reader(): FrameReader<F>
  /** Makes a function that writes frames of one response from parts, so that runs of other formats can be delivered in this one. */
  writer(run: RunInfo): (part: Part) => F[]
}

/** The fields of an SSE message that a format sets. `event` is absent for `message`. */
export interface FormatMessage {
  readonly event?: string
  readonly data: string
}

/** The run that a writer writes for. */
export interface RunInfo {
  readonly id: string
  /** When it was started, in ms since 1970. */
  readonly time: number
}

/** Reads the frames of one response. */
export interface FrameReader<F> {
  /** Reads the next frame, and returns its meaning as parts, which all formats share. */
  take(frame: F): Part[]
  /** True after a frame has ended the response as the format defines it. */
  readonly isComplete: boolean
  /** The frames that tell a client how the response ended, after those it has received. Open parts are closed first. */
  end(ending: Ending): F[]
}

/** How a run ended. Only `completed` may look complete to clients. */
export interface Ending {
  readonly status: "completed" | "failed" | "stopped" | "lost"
  readonly error?: { readonly code: string; readonly message: string }
}

/** A part of a response in no particular format. Translations between formats are made of parts. */
export type Part =
  | { readonly type: "start"; readonly model?: string }
  | { readonly type: "text"; readonly delta: string }
  | { readonly type: "reasoning"; readonly delta: string }
  | { readonly type: "tool-start"; readonly id: string; readonly name: string }
  | { readonly type: "tool-input"; readonly id: string; readonly delta: string }
  | { readonly type: "tool-end"; readonly id: string }
  | { readonly type: "usage"; readonly usage: Usage }
  | { readonly type: "finish"; readonly reason: FinishReason }
  | { readonly type: "end"; readonly ending: Ending }

/** Token counts of the provider. */
export interface Usage {
  readonly input?: number
  readonly output?: number
}

export type FinishReason = "stop" | "length" | "tool-calls" | "content-filter" | "other"

const METHODS = ["encode", "decode", "merge", "reader", "writer"] as const

/** Throws a `TypeError` for a value that is not a format, such as the function that makes one. */
export function checkFormat(format: unknown): void {
  const given = format as Partial<Format> | null | undefined
  if (typeof given?.name === "string" && METHODS.every((name) => typeof given[name] === "function")) return
  const advice =
    typeof format === "function" ? "Call the function: format: text()." : "Pass for instance text() or openaiChat()."
  throw new TypeError(
    `createRuns: \`format\` must be a format, such as text() returns, not ${kindOf(format)}. ${advice}`,
  )
}
