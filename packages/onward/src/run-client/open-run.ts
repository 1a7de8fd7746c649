import { STREAM_OPTIONS } from "../client-options.ts"
import { checkNames } from "../options.ts"
import { systemClock } from "../clock.ts"
import { OnwardError, stream, type FetchedResponse, type StreamOptions } from "../client/index.ts"
import type { Format, Part, Usage } from "../runs/index.ts"

/** How a run stands, as this client knows it. */
export type OpenRunStatus =
  | "connecting"
  | "running"
  /** The connection was lost, and is being made again. */
  | "reconnecting"
  | "completed"
  | "failed"
  | "stopped"
  | "lost"
  /** Left by `detach`: the run goes on. */
  | "detached"

export interface OpenRunOptions<F> extends Omit<
  StreamOptions,
  "resume" | "until" | "reconnectOnEnd" | "shared" | "onStatus"
> {
  /** Starts the run, or answers with one that is there. */
  readonly url: string | URL
  /** The format it comes in: gives frames their type, and knows when the answer is over. */
  readonly format: Pick<Format<F>, "decode" | "reader" | "isSequence">
  /** Where to carry on and to stop. @default what `Content-Location` says, else `url` */
  readonly location?: string | URL
  /** Told of each change. */
  readonly onStatus?: (status: OpenRunStatus) => void
}

/** How fast it came, as this client saw it. Durations in ms. */
export interface OpenRunMetrics {
  /** From asking to the first piece of the answer. */
  readonly ttft: number | undefined
  /** From asking until now, or the end. */
  readonly duration: number
  /** Output tokens: the provider's count when it is known, else frames that brought a piece. */
  readonly tokens: number
  readonly counted: "usage" | "frames"
  /** How often it was carried on after a cut. */
  readonly resumes: number
}

export interface OpenRun<F> {
  /** Each frame once, over cuts and sleep, to the end. Leaving the loop detaches. Fails with what no further try may help. */
  readonly frames: AsyncIterableIterator<F>
  readonly status: OpenRunStatus
  /** What went wrong, once it is `failed` or `lost`. */
  readonly error: { readonly code: string; readonly message: string } | undefined
  /** What to carry on after some other time: `openRun({ url, lastEventId })`. */
  readonly lastEventId: string
  readonly metrics: OpenRunMetrics
  /**
   * Ends the run for everybody (DELETE). What has come until then stays, and `frames` ends when the server says so.
   * @throws OnwardError `bad_status` when the server does not do it, `network_error` when it was not reached
   */
  stop(): Promise<void>
  /** Leaves: the run goes on without this client. */
  detach(): void
}

/** What `stream` has and a run decides for itself is none of its options. */
const OPTIONS = [...STREAM_OPTIONS, "url", "format", "location"].filter(
  (name) => !["resume", "until", "reconnectOnEnd", "shared"].includes(name),
)

/**
 * Opens a run of `onward/runs`: asks once, carries on after cuts, and tells leaving from stopping. Connects when a frame is first asked for.
 * @example
 * const run = openRun({ url: "/runs/42", body: { prompt }, format: text() })
 * for await (const frame of run.frames) show(frame)
 * if (run.status !== "completed") showThatItIsNotWhole(run.error)
 */
export function openRun<F>(options: OpenRunOptions<F>): OpenRun<F> {
  checkNames("openRun", options, OPTIONS)
  const { url, format, location, onStatus, clock = systemClock, ...rest } = options
  const follower = format.reader()
  const startedAt = clock.monotonic()
  let status: OpenRunStatus = "connecting"
  let error: OpenRun<F>["error"]
  let place: string | URL = location ?? url
  let usage: Usage | undefined
  let firstAt: number | undefined
  let endedAt: number | undefined
  let pieces = 0
  let opened = 0
  let hasBegun = false
  /** What each event was, and has not been handed out. */
  const arrived: { readonly frame?: F | undefined; readonly cause?: Error }[] = []
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
    if (said && location === undefined) place = new URL(said, response?.url || hrefOf(url))
    opened++
    heard?.()
    tell("running")
  }

  const events = stream(url, {
    ...rest,
    clock,
    // once it has begun it is never started again
    resume: () => place,
    until: arrive,
    onStatus(next) {
      if (next.state === "open") found(next.response)
      if (next.state === "reconnecting") tell("reconnecting")
      // left or over, it is where it was asked for
      if (next.state === "ended" || next.state === "failed") heard?.()
    },
  })

  /** Takes what arrives, for it to be handed out later; true for the last there is. */
  function arrive({ event, data }: { event: string; data: string }): boolean {
    try {
      const frame = format.decode(event === "message" ? { data } : { event, data })
      arrived.push({ frame })
      if (frame !== undefined) take(follower.take(frame))
      // an answer may be complete, and its usage still to come
      return follower.isComplete && (endedAt !== undefined || data === "[DONE]")
    } catch (cause) {
      arrived.push({ cause: cause as Error })
      return true
    }
  }

  function take(parts: readonly Part[]): void {
    for (const part of parts) {
      if (part.type === "usage") usage = Object.assign({}, usage, part.usage)
      // of several answers the last one ends with the stream
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
        const { frame, cause } = arrived.shift() ?? {}
        if (cause) throw cause
        if (frame !== undefined) yield frame
      }
      if (endedAt === undefined) tell(follower.isComplete ? "completed" : await ask())
    } catch (cause) {
      error ??= cause instanceof OnwardError ? { code: cause.code, message: cause.message } : undefined
      tell("failed")
      throw cause
    } finally {
      tell("detached")
      events.close()
    }
  }

  /** The answer ended, and its format does not say how. */
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
      return await fetch(hrefOf(place), { method, credentials, headers: Object.fromEntries(new Headers(headers)) })
    } catch (cause) {
      throw new OnwardError("network_error", "the server of the run could not be reached", { cause, status: 0 })
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
      // only then is it known where
      if (hasBegun) await isOpen
      const { status: code } = await request("DELETE")
      if (code < 200 || code > 299) {
        throw new OnwardError("bad_status", `the run could not be stopped: status ${code}`, { status: code })
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
