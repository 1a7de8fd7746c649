import { acceptWeights } from "../accept.ts"
import { STREAM_METHODS } from "../methods.ts"
import { preflightHeaders } from "./cors.ts"
import type { SseResponseOptions } from "./options.ts"
import type { StreamRequest } from "./request.ts"
import { textAnswer, type StreamAnswer } from "./stream-answer.ts"

const METHODS = [...STREAM_METHODS, "OPTIONS"]
const ALLOW = METHODS.join(", ")

/** The response to a request that is not for a stream (OPTIONS, 405, 406); undefined for one that is. */
export function refusalOf(
  request: StreamRequest,
  cors: Record<string, string> | undefined,
  { ignoreAccept }: Pick<SseResponseOptions, "ignoreAccept">,
): StreamAnswer | undefined {
  if (request.method === "OPTIONS") {
    const isAllowed = cors?.["access-control-allow-origin"] !== undefined
    return { status: 204, headers: { allow: ALLOW, ...cors, ...(isAllowed && preflightHeaders(METHODS)) } }
  }
  if (!METHODS.includes(request.method)) {
    return textAnswer(405, "This is an event stream: use GET, QUERY or POST.", { allow: ALLOW, ...cors })
  }
  if (!ignoreAccept && !acceptsStream(request.header("accept"))) {
    return textAnswer(406, "This is an event stream: accept text/event-stream.", cors)
  }
  return undefined
}

/** RFC 9110 section 12.5.1: an absent header accepts everything; the most specific range decides. */
function acceptsStream(accept: string | undefined): boolean {
  if (accept === undefined || accept === "" || accept === "text/event-stream") return true
  const weights = acceptWeights(accept)
  const weight = weights.get("text/event-stream") ?? weights.get("text/*") ?? weights.get("*/*") ?? 0
  return weight > 0
}
