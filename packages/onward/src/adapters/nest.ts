import {
  sse as stream,
  sseBelow,
  type NodeRequest,
  type NodeResponse,
  type OuterReply,
  type OuterRequest,
} from "../node/index.ts"
import { checkSseOptions, type Source, type SseOptions } from "../server/index.ts"

export type {
  CompressOptions,
  ContentCoding,
  CorsOptions,
  PreparedSource,
  Source,
  SourceContext,
  SourceFunction,
  SourceItem,
  SourceSseOptions,
  SourceStream,
  SseOptions,
  SseResponseOptions,
  SubscriptionSseOptions,
} from "../server/index.ts"

/** The parts that are used of Nest's `ExecutionContext`. */
export interface NestContext {
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown }
}

/** The parts that are used of Nest's `CallHandler`. */
export interface NestCall {
  handle(): { subscribe(observer: { next: (value: unknown) => void; error: (error: unknown) => void }): unknown }
}

/** Nest's interface of an interceptor. */
export interface SseInterceptor {
  intercept(context: NestContext, next: NestCall): Promise<never>
}

/**
 * An interceptor that streams the source that a handler returns, on Express and on Fastify. It replaces `@Sse` and adds resume,
 * backpressure and heartbeats. Guards and pipes run before it, and exception filters get errors of the handler. Use it as the last
 * interceptor, closest to the handler.
 * @example
 * class Feed { @Get("events") @UseInterceptors(sse()) events() { return hub.subscribe({ topics: ["news"] }) } }
 */
export function sse(options: SseOptions = {}): SseInterceptor {
  checkSseOptions(options)
  return {
    intercept: (context, next) =>
      // never resolved, because Nest would then send a response too
      new Promise((_, reject) => {
        const http = context.switchToHttp()
        const answer = (value: unknown): void => {
          try {
            reply(http.getRequest(), http.getResponse(), (value ?? (() => null)) as Source, options)
          } catch (error) {
            reject(error)
          }
        }
        next.handle().subscribe({ next: answer, error: reject })
      }),
  }
}

function reply(request: unknown, response: unknown, source: Source, options?: SseOptions): void {
  if (isOuter(response)) sseBelow(request as OuterRequest, response, source, options)
  else stream(request as NodeRequest, response as NodeResponse, source, options)
}

/** Whether the response is Fastify's. That of Express is Node's. */
const isOuter = (response: unknown): response is OuterReply =>
  typeof response === "object" && response !== null && "hijack" in response
