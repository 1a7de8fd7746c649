import { kindOf } from "../kind.ts"

/**
 * How the frames of one kind of answer travel: what a provider or an agent streams, as SSE messages. A format knows
 * nothing of logs, runs or sockets. `F` is one frame, as the format's own clients know it.
 */
export interface Format<F = unknown> {
  /** What it is called in options, such as `openai-chat`. */
  readonly name: string
  /** Response headers its clients look for, beyond those of an event stream. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * Whether the end of a source completes its answer, even if no frame said so: always, or only that of a source that gives `frames`, as
   * a `Response` that ends early may have been cut. @default false
   */
  readonly endsWithSource?: boolean | "frames"
  /** The data of the message that ends a stream and completes its answer, such as `[DONE]`; also known as a frame. @default none */
  readonly terminator?: string
  /** Whether a stream may hold several answers: a good end of one may be followed by another. @default false */
  readonly isSequence?: boolean
  /** A frame as an SSE message; the id is not its business. */
  encode(frame: F): FormatMessage
  /**
   * The frame in an SSE message; undefined for what says nothing: pings, terminators, padding.
   * @throws OnwardError `source_failed` for anything that is not a frame of this format
   */
  decode(message: FormatMessage): F | undefined
  /** Both as one, when a client could not tell it from getting both; else undefined. */
  merge(previous: F, next: F): F | undefined
  /** Follows one answer frame by frame: what it means, and what it takes to end it. */
  reader(): FrameReader<F>
  /** Writes frames of one answer from parts, so that a run of another format can be watched in this one. */
  writer(run: RunInfo): (part: Part) => F[]
}

/** The parts of an SSE message a format sets. `event` is absent for `message`. */
export interface FormatMessage {
  readonly event?: string
  readonly data: string
}

/** What a writer has to know of the run it writes for. */
export interface RunInfo {
  readonly id: string
  /** When it was started, in ms since 1970. */
  readonly time: number
}

/** One answer, as far as it has come. */
export interface FrameReader<F> {
  /** Takes the next frame, and says what it means, without regard to its format. */
  take(frame: F): Part[]
  /** True once a frame has ended the answer in the format's own way. */
  readonly isComplete: boolean
  /** What tells a client of this format that the answer is over and how, given what it has got: parts left open are closed first. */
  end(ending: Ending): F[]
}

/** How a run ended. Only `completed` may look complete. */
export interface Ending {
  readonly status: "completed" | "failed" | "stopped" | "lost"
  readonly error?: { readonly code: string; readonly message: string }
}

/** What an answer is made of, whatever its format: the common ground a run is translated over. */
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

/** Tokens, as the provider counts them. */
export interface Usage {
  readonly input?: number
  readonly output?: number
}

export type FinishReason = "stop" | "length" | "tool-calls" | "content-filter" | "other"

const METHODS = ["encode", "decode", "merge", "reader", "writer"] as const

/** Throws a `TypeError` for what is no format, such as the function that makes one. */
export function checkFormat(format: unknown): void {
  const given = format as Partial<Format> | null | undefined
  if (typeof given?.name === "string" && METHODS.every((name) => typeof given[name] === "function")) return
  const advice =
    typeof format === "function" ? "Call the function: format: text()." : "Pass for instance text() or openaiChat()."
  throw new TypeError(
    `createRuns: a format must be what text() or one of its siblings returns, not ${kindOf(format)}. ${advice}`,
  )
}
