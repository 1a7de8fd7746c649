import { OnwardError } from "../errors.ts"
import type { Hub } from "../hub/index.ts"
import type { Log } from "../log/index.ts"
import type { Position } from "../message.ts"
import { checkNames } from "../options.ts"
import type { SourceFunction, SseOptions, SourceItem } from "../server/index.ts"
import { mcpLogOf, type McpLog } from "./mcp-log.ts"
import { find, isKnown, readStream, type Sent } from "./read.ts"
import { isIdOfResponse, isResponse, streamOf, topicOf } from "./record.ts"

export interface ResumeOptions extends Pick<
  SseOptions,
  "cors" | "headers" | "retry" | "heartbeat" | "stallTimeout" | "signal" | "clock" | "onError"
> {
  /** What the request's `Mcp-Session-Id` header says. Who sends it must have been checked: the id is no credential. */
  readonly session: string | null | undefined
  /**
   * What the request's `Mcp-Protocol-Version` header says. From 2025-11-25 on, clients are given an id before there is a message: those of
   * the SDK forget theirs when they come back, and would be lost if they were cut off again too soon. @default an older one
   */
  readonly protocol?: string | null | undefined
}

/** The first version whose clients take an event without data (SEP-1699). */
const PRIMED_SINCE = "2025-11-25"

const OPTIONS = [
  "session",
  "protocol",
  "cors",
  "headers",
  "retry",
  "heartbeat",
  "stallTimeout",
  "signal",
  "clock",
  "onError",
]

/**
 * Answers a client that resumes (GET with `Mcp-Session-Id` and `Last-Event-ID`) where its session is not: what its stream has
 * in the log, then what the other node still stores, until the response. Gives source and options for any adapter's `sse`. 204: the
 * response was the last it got. 400: no such event id. 404 (`session_unknown`): no such session. 503: the store is away.
 * @example
 * sse(req, res, ...resume(hub, {
 *   session: req.headers["mcp-session-id"], protocol: req.headers["mcp-protocol-version"],
 * }))
 */
export function resume(from: Log | Hub, options: ResumeOptions): [source: SourceFunction, options: SseOptions] {
  checkNames("resume", options, OPTIONS)
  const { session, protocol, signal: closing, ...sse } = options
  const place = mcpLogOf(from)
  const letGo = new AbortController()
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
    if (closing?.aborted) throw new OnwardError("hub_draining", "this node is closing: come back, to another")
    const stream = streamOf(lastEventId)
    if (!isIdOfResponse(lastEventId)) {
      const prime = protocol && protocol >= PRIMED_SINCE ? lastEventId : undefined
      return follow(place, { topic, stream, position, signal, prime, closing, letGo })
    }
    // of old batches more than one response may come; nothing is to be waited for
    const rest = await readAll(place, topic, stream, position)
    return rest.length > 0 ? replay(rest) : undefined
  }
  const headers = { ...(session && { "mcp-session-id": session }), ...sse.headers }
  // what ends is a response's stream, not the session: `stream.end` would mean nothing to these clients
  return [source, { ...sse, headers, end: false, signal: letGo.signal }]
}

interface FollowOptions {
  readonly topic: string
  readonly stream: string
  readonly position: Position
  readonly signal: AbortSignal
  /** An id to be sent at once. */
  readonly prime: string | undefined
  /** Aborted when this node closes; `letGo` then ends the stream. */
  readonly closing: AbortSignal | undefined
  readonly letGo: AbortController
}

async function* follow(place: McpLog, options: FollowOptions): AsyncGenerator<SourceItem> {
  const { topic, stream, position, signal, prime, closing, letGo } = options
  if (prime !== undefined) yield { id: prime, data: "" }
  // not earlier: clients of the SDK forget where they were when a stream ends without an event
  const close = (): void => letGo.abort()
  if (closing?.aborted) return close()
  let rung = Promise.withResolvers<void>()
  const wake = (): void => rung.resolve()
  signal.addEventListener("abort", wake)
  closing?.addEventListener("abort", close)
  let unwatch: (() => void) | undefined
  try {
    unwatch = await place.watch(topic, wake)
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
    closing?.removeEventListener("abort", close)
    unwatch?.()
  }
}

async function* replay(sent: readonly Sent[]): AsyncGenerator<SourceItem> {
  yield* sent.map(yieldedOf)
}

async function readAll(place: McpLog, topic: string, stream: string, position: Position): Promise<Sent[]> {
  const all: Sent[] = []
  for (let after = position; ;) {
    const { sent, next } = await readStream(place, topic, stream, after)
    all.push(...sent)
    if (next === after) return all
    after = next
  }
}

const yieldedOf = ({ id, message }: Sent): SourceItem => ({ event: "message", id, data: JSON.stringify(message) })
