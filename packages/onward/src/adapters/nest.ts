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

/** What is touched of Nest's `ExecutionContext`. */
export interface NestContext {
  switchToHttp(): { getRequest(): unknown; getResponse(): unknown }
}

/** What is touched of Nest's `CallHandler`. */
export interface NestCall {
  handle(): { subscribe(observer: { next: (value: unknown) => void; error: (error: unknown) => void }): unknown }
}

/** An interceptor as Nest wants it. */
export interface SseInterceptor {
  intercept(context: NestContext, next: NestCall): Promise<never>
}

/**
 * An interceptor that streams the source a handler returns, in place of `@Sse`: with resume, backpressure and heartbeats, on Express and
 * on Fastify. Guards and pipes run before; what the handler throws goes to the exception filters. Use it last, closest to the handler.
 * @example
 * class Feed { @Get("events") @UseInterceptors(sse()) events() { return hub.subscribe({ topics: ["news"] }) } }
 */
export function sse(options: SseOptions = {}): SseInterceptor {
  checkSseOptions(options)
  return {
    intercept: (context, next) =>
      // never resolved, since Nest would then send a response of its own
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

/** Whether it is Fastify's: Express hands Node's own over. */
const isOuter = (response: unknown): response is OuterReply =>
  typeof response === "object" && response !== null && "hijack" in response
