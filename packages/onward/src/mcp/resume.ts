import { OnwardError } from "../errors.ts"
import type { Hub } from "../hub/index.ts"
import type { Log } from "../log/index.ts"
import type { Position } from "../message.ts"
import { checkNames } from "../options.ts"
import type { SourceFunction, SseOptions, Yielded } from "../server/index.ts"
import { placeOf, type Place } from "./place.ts"
import { find, isKnown, readStream, type Sent } from "./read.ts"
import { isIdOfResponse, isResponse, streamOf, topicOf } from "./record.ts"

export interface ResumeOptions extends Pick<
  SseOptions,
  "cors" | "headers" | "retry" | "heartbeat" | "stallTimeout" | "signal" | "clock" | "onError"
> {
  /** What the request's `Mcp-Session-Id` header says. Who sends it must have been checked: the id is no credential. */
  readonly session: string | null | undefined
}

const OPTIONS = ["session", "cors", "headers", "retry", "heartbeat", "stallTimeout", "signal", "clock", "onError"]

/**
 * Answers a client that resumes (GET with `Mcp-Session-Id` and `Last-Event-ID`) where its session is not: what its stream has
 * in the log, then what the other node still stores, until the response. Gives source and options for any adapter's `sse`. 204: the
 * response was the last it got. 400: no such event id. 404 (`session_unknown`): no such session. 503: the store is away.
 * @example
 * sse(req, res, ...resume(hub, { session: req.headers["mcp-session-id"] }))
 */
export function resume(from: Log | Hub, options: ResumeOptions): [source: SourceFunction, options: SseOptions] {
  checkNames("resume", options, OPTIONS)
  const { session, ...sse } = options
  const place = placeOf(from)
  const source: SourceFunction = async ({ lastEventId, signal }) => {
    if (!session) throw new OnwardError("invalid_start", "send the Mcp-Session-Id header")
    if (!lastEventId) throw new OnwardError("invalid_start", "send the Last-Event-ID header: this node only resumes")
    const topic = topicOf(session)
    const position = topic && (await find(place, topic, lastEventId))
    if (!topic || position === undefined) {
      if (topic && (await isKnown(place, topic))) {
        throw new OnwardError("invalid_start", "this session has no such event id")
      }
      throw new OnwardError("session_unknown", "there is no such session: initialize a new one")
    }
    const stream = streamOf(lastEventId)
    if (!isIdOfResponse(lastEventId)) return follow(place, { topic, stream, position, signal })
    // of old batches more than one response may come; nothing is to be waited for
    const rest = await readAll(place, topic, stream, position)
    return rest.length > 0 ? replay(rest) : undefined
  }
  const headers = { ...(session && { "mcp-session-id": session }), ...sse.headers }
  // what ends is a response's stream, not the session: `stream.end` would mean nothing to these clients
  return [source, { ...sse, headers, end: false }]
}

interface FollowOptions {
  readonly topic: string
  readonly stream: string
  readonly position: Position
  readonly signal: AbortSignal
}

async function* follow(place: Place, { topic, stream, position, signal }: FollowOptions): AsyncGenerator<Yielded> {
  let rung = Promise.withResolvers<void>()
  const wake = (): void => rung.resolve()
  const unwatch = await place.watch(topic, wake)
  signal.addEventListener("abort", wake)
  try {
    for (let after = position; !signal.aborted;) {
      // before reading: what is stored during it rings for the next
      rung = Promise.withResolvers<void>()
      const { sent, next } = await readStream(place, topic, stream, after)
      for (const each of sent) {
        yield yieldedOf(each)
        if (isResponse(each.message)) return
      }
      if (next === after && !signal.aborted) await rung.promise
      after = next
    }
  } finally {
    signal.removeEventListener("abort", wake)
    unwatch()
  }
}

async function* replay(sent: readonly Sent[]): AsyncGenerator<Yielded> {
  yield* sent.map(yieldedOf)
}

async function readAll(place: Place, topic: string, stream: string, position: Position): Promise<Sent[]> {
  const all: Sent[] = []
  for (let after = position; ;) {
    const { sent, next } = await readStream(place, topic, stream, after)
    all.push(...sent)
    if (next === after) return all
    after = next
  }
}

const yieldedOf = ({ id, message }: Sent): Yielded => ({ event: "message", id, data: JSON.stringify(message) })
