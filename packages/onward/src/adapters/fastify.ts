import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from "fastify"
import type { Hub } from "../hub/index.ts"
import { sseBelow } from "../node/index.ts"
import { kindOf } from "../kind.ts"
import { checkNames } from "../options.ts"
import { checkSseOptions, withDefaults, type Source, type SseOptions } from "../server/index.ts"

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

declare module "fastify" {
  interface RouteShorthandOptions {
    /** The handler returns a source of Onward's, which is streamed: true, or with options. Needs `ssePlugin`. */
    sse?: boolean | SseOptions
  }
}

export interface SsePluginOptions {
  /** Drained by `app.close()`, before it waits for connections: streams close one after the other. */
  readonly hub?: Pick<Hub, "drain">
  /** How long that takes, in ms. @default as `hub.drain` has it */
  readonly duration?: number
}

/** Options of `app.register` itself. */
const OF_REGISTER = ["prefix", "logLevel", "logSerializers"]

/** Of each server, what ends its streams when it closes. */
const closing = new WeakMap<object, AbortSignal>()

/**
 * Answers a request of Fastify 5 with an event stream. `onRequest` to `preHandler` hooks have run, `onResponse` will, headers set on the
 * reply go out with it, and errors of a source of your own go to the request's logger. As with all that is no payload, `onSend` does not run.
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

// for the whole app, not for what is registered inside of this plugin
Object.assign(ssePlugin, { [Symbol.for("skip-override")]: true, [Symbol.for("fastify.display-name")]: "onward" })

function streamed(route: RouteOptions & { sse?: boolean | SseOptions }): void {
  if (!route.sse) return
  const { handler } = route
  const options = route.sse === true ? {} : route.sse
  checkSseOptions(options)
  route.handler = async function (request, reply) {
    const source = (await handler.call(this, request, reply)) as Source | null | undefined
    // the handler, or the wrapping of the GET that this HEAD stands for, has answered
    if (!reply.sent) sse(request, reply, source ?? (() => null), options)
  }
}
