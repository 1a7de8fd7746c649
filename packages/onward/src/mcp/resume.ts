import { OnwardError } from "../errors.ts"
import type { Hub } from "../hub/index.ts"
import type { Log } from "../log/index.ts"
import type { Position } from "../message.ts"
import { checkKinds, checkNames } from "../options.ts"
import { prepareSource, type PreparedSource, type SourceFunction, type SourceItem } from "../server/index.ts"
import { createInbox } from "./inbox.ts"
import { mcpLogOf, type McpLog } from "./mcp-log.ts"
import { find, isKnown, readStream, type Sent } from "./read.ts"
import { isIdOfResponse, isResponse, streamOf, topicOf } from "./record.ts"

export interface ResumeOptions {
  /** The request's `Mcp-Session-Id` header. Authenticate the caller first: the id is not a credential. */
  readonly session: string | null | undefined
  /**
   * The request's `Mcp-Protocol-Version` header. From 2025-11-25 on, the stream begins with an id, because clients of the SDK forget theirs
   * when they reconnect and could not resume after another cut. @default an older version
   */
  readonly protocol?: string | null | undefined
  /** Ends the stream when aborted, for example when the process closes, once the client has an id. It then reconnects to another process. */
  readonly signal?: AbortSignal
}

/** The first version whose clients accept an event without data (SEP-1699). */
const PRIMED_SINCE = "2025-11-25"

const OPTIONS = ["session", "protocol", "signal"]

/**
 * Resumes a client's stream (GET with `Mcp-Session-Id` and `Last-Event-ID`) in a process that does not have its session: from the log,
 * then with the messages that the session's process still stores, until the response. Returns a source for any adapter's `sse`, whose
 * options follow it as usual. The answer is 204 if the client has the response, 400 for an unknown event id, 404 (`session_unknown`) for
 * an unknown session, and 503 while the store is unavailable.
 * @example
 * const { "mcp-session-id": session, "mcp-protocol-version": protocol } = req.headers
 * sse(req, res, resume(hub, { session, protocol }))
 */
export function resume(from: Log | Hub, options: ResumeOptions): PreparedSource {
  checkNames("resume", options, OPTIONS)
  checkKinds("resume", options, { signal: "an AbortSignal" })
  const { session, protocol, signal: closing } = options
  const mcpLog = mcpLogOf(from)
  const letGo = new AbortController()
  const open: SourceFunction = async ({ lastEventId, signal }) => {
    if (!session) throw new OnwardError("invalid_start", "The request has no Mcp-Session-Id header. Send it.")
    if (!lastEventId)
      throw new OnwardError(
        "invalid_start",
        "The request has no Last-Event-ID header, and this process can only resume. Send it.",
      )
    const topic = topicOf(session)
    const position = topic && (await find(mcpLog, topic, lastEventId))
    if (!topic || position === undefined) {
      if (topic && (await isKnown(mcpLog, topic))) {
        throw new OnwardError(
          "invalid_start",
          "The event id is unknown in this session. Start a new request without it.",
        )
      }
      throw new OnwardError("session_unknown", "There is no session with this id. Initialize a new one.")
    }
    if (closing?.aborted) throw new OnwardError("hub_draining", "This process is closing. Reconnect to another one.")
    const stream = streamOf(lastEventId)
    if (!isIdOfResponse(lastEventId)) {
      const prime = protocol && protocol >= PRIMED_SINCE ? lastEventId : undefined
      return follow(mcpLog, { topic, stream, position, signal, prime, closing, letGo })
    }
    // batches of older versions can have several responses; nothing follows them
    const rest = await readAll(mcpLog, topic, stream, position)
    return rest.length > 0 ? replay(rest) : undefined
  }
  return prepareSource(open, {
    ...(session && { headers: { "mcp-session-id": session } }),
    // a response's stream ends, not the session: `stream.end` means nothing to these clients
    end: false,
    signal: letGo.signal,
  })
}

interface FollowOptions {
  readonly topic: string
  readonly stream: string
  readonly position: Position
  readonly signal: AbortSignal
  /** An id to send at once. */
  readonly prime: string | undefined
  /** Aborted when this process closes; `letGo` then ends the stream. */
  readonly closing: AbortSignal | undefined
  readonly letGo: AbortController
}

async function* follow(mcpLog: McpLog, options: FollowOptions): AsyncGenerator<SourceItem> {
  const { topic, stream, position, signal, prime, closing, letGo } = options
  if (prime !== undefined) yield { id: prime, data: "" }
  // not earlier: clients of the SDK forget their last id when a stream ends without an event
  const close = (): void => letGo.abort()
  if (closing?.aborted) return close()
  const inbox = createInbox(topic, stream)
  signal.addEventListener("abort", inbox.wake)
  closing?.addEventListener("abort", close)
  const followed = mcpLog.follow(topic, position, inbox)
  try {
    for (;;) {
      const taken = inbox.take()
      if (!taken || signal.aborted) return
      for (const each of taken) {
        yield yieldedOf(each)
        if (isResponse(each.message)) return
      }
      followed.resume()
      if (taken.length === 0) await inbox.next
    }
  } finally {
    signal.removeEventListener("abort", inbox.wake)
    closing?.removeEventListener("abort", close)
    await followed.stop()
  }
}

async function* replay(sent: readonly Sent[]): AsyncGenerator<SourceItem> {
  yield* sent.map(yieldedOf)
}

async function readAll(mcpLog: McpLog, topic: string, stream: string, position: Position): Promise<Sent[]> {
  const all: Sent[] = []
  for (let after = position; ;) {
    const { sent, next } = await readStream(mcpLog, topic, stream, after)
    all.push(...sent)
    if (next === after) return all
    after = next
  }
}

const yieldedOf = ({ id, message }: Sent): SourceItem => ({ event: "message", id, data: JSON.stringify(message) })
