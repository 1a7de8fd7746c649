import { OnwardError } from "../errors.ts"
import { checkNames } from "../options.ts"
import { createRuns, type Runs, type RunItem, type RunsOptions } from "../runs/index.ts"
import { chunks } from "./chunks.ts"

export interface ResumableStreamContextOptions extends Pick<
  RunsOptions<string>,
  "hub" | "log" | "lease" | "maxDuration" | "requireStored" | "observe" | "onError" | "clock"
> {
  /** Called with a promise that is pending while a stream is written, for platforms that stop a process after its last response. */
  readonly waitUntil?: ((production: Promise<unknown>) => void) | null
  /** What topics of these streams begin with. Do not let clients subscribe to such a topic. @default "resumable-stream" */
  readonly keyPrefix?: string
  /** What a client gets from a finished stream: all of it, or null like in the package `resumable-stream`. @default "replay" */
  readonly finished?: "replay" | "null"
  /** How long a finished stream can be read, in ms. @default 86_400_000 */
  readonly retention?: number
}

/** Streams of strings that continue when clients disconnect: the four methods of the package `resumable-stream`, and two more. */
export interface ResumableStreamContext {
  /**
   * Starts a stream, or joins an existing one, whose first `skipCharacters` UTF-16 units are left out. Resolves to null for a finished
   * stream with `finished: "null"`. The returned stream fails if the source fails or its process stops.
   * @throws OnwardError `run_expired` for a stream that finished longer ago than `retention`, `log_…` when the store is unavailable
   */
  resumableStream(
    streamId: string,
    makeStream: () => ReadableStream<string>,
    skipCharacters?: number,
  ): Promise<ReadableStream<string> | null>
  /** The same as `resumableStream`: a stream has one writer. */
  createNewResumableStream: ResumableStreamContext["resumableStream"]
  /**
   * Joins a stream; undefined when there is no such stream.
   * @throws OnwardError `log_…` when the store cannot be read
   */
  resumeExistingStream(streamId: string, skipCharacters?: number): Promise<ReadableStream<string> | null | undefined>
  /** Resolves to null if the stream does not exist, true while it is written, `"DONE"` when it is over. @throws OnwardError `log_…` */
  hasExistingStream(streamId: string): Promise<null | true | "DONE">
  /** Ends a stream for all its readers, from any process: its source is cancelled, and readers reach its end. */
  stopStream(streamId: string): Promise<"stopped" | "already-ended" | "unknown">
  /** Ends the streams that this process writes as failed, and closes the log unless it is a hub's. */
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
  "observe",
  "onError",
  "clock",
]

/**
 * Makes a context like that of the package `resumable-stream`, on a log instead of Redis.
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

  /** The stream; null if it is over and `finished` is `"null"`. */
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
      // its creator gets all of it, even if it is over already
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

/** Ids of runs are parts of topics, so they have no wildcards. Ids of streams can be any text. */
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
  const why = error?.message ?? "The process that wrote it stopped unexpectedly."
  controller.error(new OnwardError("source_failed", `The stream is not complete. ${why}`))
}
