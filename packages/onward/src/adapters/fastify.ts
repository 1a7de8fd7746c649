import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify"
import type { Hub } from "../hub/index.ts"
import { sseBelow } from "../node/index.ts"
import { kindOf } from "../kind.ts"
import { checkNames } from "../options.ts"
import { checkSseOptions, withDefaults, type Source, type SseOptions } from "../server/index.ts"

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

declare module "fastify" {
  interface RouteShorthandOptions {
    /** Streams the source that the handler returns: true, or options of `sse`. Needs `ssePlugin`. */
    sse?: boolean | SseOptions
  }
}

export interface SsePluginOptions {
  /** A hub that `app.close()` drains before it waits for connections. */
  readonly hub?: Pick<Hub, "drain">
  /** How long draining takes, in ms. @default that of `hub.drain` */
  readonly duration?: number
}

/** Options of `app.register` itself. */
const OF_REGISTER = ["prefix", "logLevel", "logSerializers"]

/** For each server, the signal that ends its streams when it closes. */
const closing = new WeakMap<object, AbortSignal>()

/**
 * Answers a request of Fastify 5 with an event stream. Headers set on the reply are sent with it, and errors of a custom source go to
 * `request.log`. The hooks `onRequest` to `preHandler` run before, `onResponse` runs after it; `onSend` does not, because a stream is not a payload.
 * @example
 * app.get("/events", (request, reply) => sse(request, reply, hub.subscribe({ topics: ["news"] })))
 */
export function sse<S extends Source>(
  request: FastifyRequest,
  reply: FastifyReply,
  source: S,
  options?: SseOptions<S>,
): FastifyReply {
  if (typeof reply?.hijack !== "function" || typeof request?.log?.error !== "function") {
    throw new TypeError(
      `sse of onward/fastify takes Fastify's request and reply, not ${kindOf(request)} and ${kindOf(reply)}. Pass sse(request, reply, source, options).`,
    )
  }
  const onError = (error: unknown): void => request.log.error(error)
  const closed = closing.get(request.server.server)
  sseBelow(request, reply, source, withDefaults(source, options, { onError, signal: closed }))
  return reply
}

/**
 * Adds the route option `sse`, and ends streams when the app closes, which otherwise waits for them forever.
 * @example
 * await app.register(ssePlugin, { hub })
 * app.get("/events", { sse: true }, () => hub.subscribe({ topics: ["news"] }))
 */
export async function ssePlugin(app: FastifyInstance, options: SsePluginOptions): Promise<void> {
  checkNames("ssePlugin", options, ["hub", "duration", ...OF_REGISTER])
  const { hub, duration } = options
  if (hub !== undefined && typeof hub.drain !== "function") {
    throw new TypeError(`ssePlugin: \`hub\` must be what createHub returned, not ${kindOf(hub)}.`)
  }
  const close = new AbortController()
  closing.set(app.server, close.signal)
  app.addHook("onRoute", streamed)
  app.addHook("preClose", async () => {
    close.abort()
    await hub?.drain({ ...(duration !== undefined && { duration }) })
  })
}

// applies to the whole app, not only to routes registered inside this plugin
Object.assign(ssePlugin, { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "onward" })

function streamed(route: RouteOptions & { sse?: boolean | SseOptions }): void {
  if (!route.sse) return
  const { handler } = route
  const options = route.sse === true ? {} : route.sse
  checkSseOptions(options)
  route.handler = async function (request, reply) {
    const source = (await handler.call(this, request, reply)) as Source | null | undefined
    // the handler has answered, or for HEAD the wrapper of the GET route
    if (!reply.sent) sse(request, reply, source ?? (() => null), options)
  }
}
