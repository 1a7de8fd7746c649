import { OnwardError } from "../errors.ts"
import { checkNames } from "../options.ts"
import { createRuns, type Runs, type RunItem, type RunsOptions } from "../runs/index.ts"
import { chunks } from "./chunks.ts"

export interface ResumableStreamContextOptions extends Pick<
  RunsOptions<string>,
  "hub" | "log" | "lease" | "maxDuration" | "requireStored" | "onEvent" | "onError" | "clock"
> {
  /** Given a promise for as long as a stream is written, for platforms that end a process with its last response. */
  readonly waitUntil?: ((production: Promise<unknown>) => void) | null
  /** What topics of these streams begin with. Do not let clients subscribe to such a topic. @default "resumable-stream" */
  readonly keyPrefix?: string
  /** What a client gets from a finished stream: all of it, or null like in the package `resumable-stream`. @default "replay" */
  readonly finished?: "replay" | "null"
  /** How long a finished stream is known, in ms. @default 86_400_000 */
  readonly retention?: number
}

/** Streams of strings that outlive the requests that asked for them: the four methods of the package `resumable-stream`, and two more. */
export interface ResumableStreamContext {
  /**
   * Starts a stream, or joins the one that there is. `skipCharacters`, in UTF-16 units, leaves out the beginning of one that there is.
   * Null only with `finished: "null"`, for a finished one. The stream given fails when the one made does, or its process dies.
   * @throws OnwardError `run_expired` for one finished longer ago than `retention`, `log_…` when the store does not take it
   */
  resumableStream(
    streamId: string,
    makeStream: () => ReadableStream<string>,
    skipCharacters?: number,
  ): Promise<ReadableStream<string> | null>
  /** The same: a stream is never written by two. */
  createNewResumableStream: ResumableStreamContext["resumableStream"]
  /**
   * Joins a stream; undefined when there is no such stream.
   * @throws OnwardError `log_…` when the store cannot be read
   */
  resumeExistingStream(streamId: string, skipCharacters?: number): Promise<ReadableStream<string> | null | undefined>
  /** Null when there is no such stream, true while it is written, `"DONE"` when it is over. @throws OnwardError `log_…` */
  hasExistingStream(streamId: string): Promise<null | true | "DONE">
  /** Ends a stream for all its readers, from any process: its source is cancelled, and readers reach its end. */
  stopStream(streamId: string): Promise<"stopped" | "already-ended" | "unknown">
  /** Ends what is written here, as failed, and closes the log unless it is a hub's. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

const OPTIONS = [
  "hub",
  "log",
  "waitUntil",
  "keyPrefix",
  "finished",
  "retention",
  "lease",
  "maxDuration",
  "requireStored",
  "onEvent",
  "onError",
  "clock",
]

/**
 * Makes a context as that of the package `resumable-stream`, on a log instead of Redis.
 * @example
 * const context = createResumableStreamContext({ log: sqliteLog("streams.db"), waitUntil: after })
 * return new Response(await context.resumableStream(id, makeStream), { headers })
 */
export function createResumableStreamContext(options: ResumableStreamContextOptions = {}): ResumableStreamContext {
  checkNames("createResumableStreamContext", options, OPTIONS)
  const { waitUntil, keyPrefix = "resumable-stream", finished = "replay", retention = 86_400_000, ...more } = options
  const runs: Runs<string> = createRuns({
    ...more,
    ...(waitUntil && { waitUntil }),
    format: chunks,
    prefix: `${keyPrefix}/`,
    retention,
  })

  /** The stream, unless it is over and such are not wanted. */
  async function join(id: string, skip: number | undefined): Promise<ReadableStream<string> | null | undefined> {
    const { status } = await runs.status(id)
    if (status === "unknown" || status === "expired") return undefined
    if (status !== "running" && finished === "null") return null
    return read(runs.attach(id), skip)
  }

  const context: ResumableStreamContext = {
    async resumableStream(streamId, makeStream, skipCharacters) {
      const id = runIdOf(streamId)
      const { isNew } = await runs.start(id, makeStream)
      // the process that created it has received nothing of it, even if it is over already
      if (isNew) return read(runs.attach(id))
      return (await join(id, skipCharacters)) ?? null
    },
    createNewResumableStream: (...stream) => context.resumableStream(...stream),
    resumeExistingStream: async (streamId, skipCharacters) => join(runIdOf(streamId), skipCharacters),
    async hasExistingStream(streamId) {
      const { status } = await runs.status(runIdOf(streamId))
      if (status === "unknown" || status === "expired") return null
      return status === "running" ? true : "DONE"
    },
    stopStream: async (streamId) => runs.stop(runIdOf(streamId)),
    close: () => runs.close(),
    [Symbol.asyncDispose]: () => runs.close(),
  }
  return context
}

/** Ids of runs are parts of topics, which know wildcards; those of streams may be any text. */
const runIdOf = (streamId: string): string => encodeURIComponent(streamId).replaceAll("*", "%2A")

function read(items: AsyncIterator<RunItem<string>>, skip = 0): ReadableStream<string> {
  let toSkip = skip
  return new ReadableStream({
    async pull(controller) {
      for (;;) {
        const { done, value } = await items.next()
        if (done) return controller.close()
        if (value.end !== undefined) return finish(controller, value)
        const rest = value.frame.slice(toSkip)
        toSkip -= value.frame.length - rest.length
        if (rest !== "") return controller.enqueue(rest)
      }
    },
    async cancel() {
      await items.return?.()
    },
  })
}

function finish(
  controller: ReadableStreamDefaultController<string>,
  { end, error }: Extract<RunItem<string>, { end: unknown }>,
): void {
  if (end === "completed" || end === "stopped") return controller.close()
  const why = error?.message ?? "the process that wrote it stopped unexpectedly"
  controller.error(new OnwardError("source_failed", `the stream is not complete: ${why}`))
}
