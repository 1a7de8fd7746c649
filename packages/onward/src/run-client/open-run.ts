import { STREAM_OPTIONS } from "../client-options.ts"
import { checkNames } from "../options.ts"
import { systemClock } from "../clock.ts"
import { OnwardError, stream, type FetchedResponse, type StreamOptions } from "../client/index.ts"
import type { Format, Part, Usage } from "../runs/index.ts"

/** The status of a run, as far as this client knows. */
export type OpenRunStatus =
  | "connecting"
  | "running"
  /** The connection was lost, and the client reconnects. */
  | "reconnecting"
  | "completed"
  | "failed"
  | "stopped"
  | "lost"
  /** `detach` was called, or the loop was left. The run continues. */
  | "detached"

export interface OpenRunOptions<F> extends Omit<
  StreamOptions,
  "resume" | "until" | "reconnectOnEnd" | "shared" | "onStatus"
> {
  /** URL that starts the run, or answers with an existing one. */
  readonly url: string | URL
  /** The format of the run. It determines the type of frames, and when the response is over. */
  readonly format: Pick<Format<F>, "decode" | "reader" | "isSequence">
  /** URL at which to resume and stop the run. @default that of `Content-Location`, else `url` */
  readonly location?: string | URL
  /** Called on each change of status. */
  readonly onStatus?: (status: OpenRunStatus) => void
}

/** Speed of a response, measured by this client. Durations in ms. */
export interface OpenRunMetrics {
  /** Time from the request to the first text. */
  readonly ttft: number | undefined
  /** Time from the request to now or to the end. */
  readonly duration: number
  /** Output tokens: the provider's count if known, else the number of frames with text. */
  readonly tokens: number
  readonly counted: "usage" | "frames"
  /** How often the stream was resumed after a cut. */
  readonly resumes: number
}

export interface OpenRun<F> {
  /** Iterates over the frames, each once, across cuts and sleep, to the end. Leaving the loop detaches. Fails with errors that a retry cannot fix. */
  readonly frames: AsyncIterableIterator<F>
  readonly status: OpenRunStatus
  /** The error of a run that `failed` or is `lost`. */
  readonly error: { readonly code: string; readonly message: string } | undefined
  /** The id of the last frame. Store it to resume later: `openRun({ url, lastEventId })`. */
  readonly lastEventId: string
  readonly metrics: OpenRunMetrics
  /**
   * Stops the run for all viewers, by DELETE. `frames` then ends when the server sends the end.
   * @throws OnwardError `bad_status` when the server refuses, `network_error` when it cannot be reached
   */
  stop(): Promise<void>
  /** Disconnects this client. The run continues. */
  detach(): void
}

/** The options of `stream`, without those that a run sets itself. */
const OPTIONS = [...STREAM_OPTIONS, "url", "format", "location"].filter(
  (name) => !["resume", "until", "reconnectOnEnd", "shared"].includes(name),
)

/**
 * Opens a run of `onward/runs`. It is requested once and resumed after cuts, and it continues unless `stop` is called. The client connects
 * when the first frame is read.
 * @example
 * const run = openRun({ url: "/runs/42", body: { prompt }, format: text() })
 * for await (const frame of run.frames) show(frame)
 * if (run.status !== "completed") showThatItIsNotWhole(run.error)
 */
export function openRun<F>(options: OpenRunOptions<F>): OpenRun<F> {
  checkNames("openRun", options, OPTIONS)
  const { url, format, location, onStatus, clock = systemClock, ...rest } = options
  const reader = format.reader()
  const startedAt = clock.monotonic()
  let status: OpenRunStatus = "connecting"
  let error: OpenRun<F>["error"]
  let runUrl: string | URL = location ?? url
  let usage: Usage | undefined
  let firstAt: number | undefined
  let endedAt: number | undefined
  let pieces = 0
  let opened = 0
  let hasBegun = false
  let hasFrame = false
  /** Why the latest event that is not a frame could not be decoded. */
  let undecoded: unknown
  /** The frames of received events that have not been returned yet. */
  const arrived: (F | undefined)[] = []
  let heard: (() => void) | undefined
  const isOpen = new Promise<void>((resolve) => (heard = resolve))

  function tell(next: OpenRunStatus): void {
    if (status === next || endedAt !== undefined) return
    status = next
    if (!["connecting", "running", "reconnecting"].includes(next)) endedAt = clock.monotonic()
    onStatus?.(next)
  }

  function found(response: FetchedResponse | undefined): void {
    const said = response?.headers.get("content-location")
    if (said && location === undefined) runUrl = new URL(said, response?.url || hrefOf(url))
    opened++
    heard?.()
    tell("running")
  }

  const events = stream(url, {
    ...rest,
    clock,
    // a run is started only once: further requests resume it
    resume: () => runUrl,
    until: arrive,
    onStatus(next) {
      if (next.state === "open") found(next.response)
      if (next.state === "reconnecting") tell("reconnecting")
      // without a response, the run is at the URL that was requested
      if (next.state === "ended" || next.state === "failed") heard?.()
    },
  })

  /** Decodes an event, to be returned later. True for the last one. The client skips an event that is not a frame, like the server. */
  function arrive({ event, data }: { event: string; data: string }): boolean {
    let frame: F | undefined
    try {
      frame = format.decode(event === "message" ? { data } : { event, data })
      if (frame !== undefined) take(reader.take(frame))
      hasFrame ||= frame !== undefined
    } catch (cause) {
      undecoded = cause
    }
    arrived.push(frame)
    // a response can be complete before its usage arrives
    return reader.isComplete && (endedAt !== undefined || data === "[DONE]")
  }

  function take(parts: readonly Part[]): void {
    for (const part of parts) {
      if (part.type === "usage") usage = Object.assign({}, usage, part.usage)
      // in a sequence of responses, only the end of the stream ends the last one
      if (part.type === "end" && format.isSequence && part.ending.status === "completed") continue
      if (part.type === "end") {
        error = part.ending.error
        tell(part.ending.status)
      } else if (
        (part.type === "text" || part.type === "reasoning" || part.type === "tool-input") &&
        part.delta !== ""
      ) {
        firstAt ??= clock.monotonic()
        pieces++
      }
    }
  }

  async function* read(): AsyncGenerator<F> {
    hasBegun = true
    try {
      for await (const _ of events) {
        const frame = arrived.shift()
        if (frame !== undefined) yield frame
      }
      if (undecoded !== undefined && !hasFrame)
        throw new OnwardError("validation_failed", NO_FRAMES, { cause: undecoded })
      if (endedAt === undefined) tell(reader.isComplete ? "completed" : await ask())
    } catch (cause) {
      error ??= cause instanceof OnwardError ? { code: cause.code, message: cause.message } : undefined
      tell("failed")
      throw cause
    } finally {
      tell("detached")
      events.close()
    }
  }

  /** Asks the server how the run ended, because the format does not say it. */
  async function ask(): Promise<OpenRunStatus> {
    const response = await request("HEAD")
    const said = response.headers.get("onward-run-status") ?? ""
    return /^(completed|failed|stopped|lost)$/.test(said) ? (said as OpenRunStatus) : "lost"
  }

  async function request(method: string): Promise<FetchedResponse> {
    const { headers: given, credentials = "same-origin", fetch = globalThis.fetch.bind(globalThis) } = rest
    const attempt = { number: 0, lastEventId: events.lastEventId, error: undefined }
    const headers = typeof given === "function" ? await given(attempt) : given
    try {
      return await fetch(hrefOf(runUrl), { method, credentials, headers: Object.fromEntries(new Headers(headers)) })
    } catch (cause) {
      throw new OnwardError("network_error", "The server of the run is unreachable. Retry later.", { cause, status: 0 })
    }
  }

  const frames = read()
  return {
    frames,
    get status() {
      return status
    },
    get error() {
      return error
    },
    get lastEventId() {
      return events.lastEventId
    },
    get metrics(): OpenRunMetrics {
      return {
        ttft: firstAt === undefined ? undefined : firstAt - startedAt,
        duration: (endedAt ?? clock.monotonic()) - startedAt,
        tokens: usage?.output ?? pieces,
        counted: usage?.output === undefined ? "frames" : "usage",
        resumes: Math.max(0, opened - 1),
      }
    },
    async stop() {
      // the URL of the run is known when the response has arrived
      if (hasBegun) await isOpen
      const { status: code } = await request("DELETE")
      if (code < 200 || code > 299) {
        throw new OnwardError("bad_status", `The server refused to stop the run with status ${code}. Retry later.`, {
          status: code,
        })
      }
    },
    detach() {
      tell("detached")
      events.close()
    },
  }
}

const hrefOf = (url: string | URL): string =>
  new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href

const NO_FRAMES = "No event of the run is a frame of the format. Use the server's format."
