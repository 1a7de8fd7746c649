import type { Source, SseOptions } from "../server/index.ts"
import { sse, type NodeRequest, type NodeResponse } from "./sse.ts"

/** The parts that are used of a request that wraps Node's: that of Fastify, also under Nest. */
export interface OuterRequest {
  readonly raw: NodeRequest
}

/** The parts that are used of its reply. */
export interface OuterReply {
  readonly raw: NodeResponse
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
  hijack(): unknown
}

/** Answers on Node's response below a framework's reply, with the headers that are set on the reply. */
export function sseBelow<S extends Source>(
  { raw }: OuterRequest,
  reply: OuterReply,
  source: S,
  options?: SseOptions<S>,
): void {
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value)
  }
  sse(raw, reply.raw, source, options)
  // last, so that the framework answers if sse throws
  reply.hijack()
}
