import type { Source, SseOptions } from "../server/index.ts"
import { sse, type NodeRequest, type NodeResponse } from "./sse.ts"

/** What is touched of a request that a framework has put around Node's: Fastify's, which Nest hands on. */
export interface OuterRequest {
  readonly raw: NodeRequest
}

/** What is touched of its reply. */
export interface OuterReply {
  readonly raw: NodeResponse
  getHeaders(): Readonly<Record<string, number | string | string[] | undefined>>
  hijack(): unknown
}

/** Answers below a framework's reply: with the headers set on it, and it steps aside. */
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
  // only now: a misuse that throws is still answered by the framework
  reply.hijack()
}
