import { OnwardError } from "../errors.ts"
import { serialize } from "../message.ts"
import { checkNames, durationOf } from "../options.ts"
import type { Asked, Exchange, Transport } from "./exchange.ts"
import { throughFetch, type FetchHandler } from "./fetch.ts"
import { afterTwoTurns } from "./machine.ts"
import type { NodeHandler } from "./node.ts"
import { createReader, isStream, type Reader } from "./reader.ts"
import { createWaiting } from "./waiting.ts"

/** What `connect` can ask: `(req, res) => …` or a server of `node:http`, or an object with a `fetch` that answers a `Request`. */
export type Handler = NodeHandler | FetchHandler

export interface ConnectOptions {
  /** Path and query. @default "/" */
  readonly path?: string
  /** @default "GET", or "POST" when there is a `body` */
  readonly method?: string
  /** More request headers, or others than those of an EventSource. */
  readonly headers?: Readonly<Record<string, string>>
  /** A string as it is, everything else as JSON. */
  readonly body?: unknown
  /** What the client saw last. @default nothing */
  readonly lastEventId?: string
  /** How long to wait for anything, in ms of real time, also with another clock. @default 2_000 */
  readonly timeout?: number
}

const OPTIONS = ["path", "method", "headers", "body", "lastEventId", "timeout"]

/**
 * Asks a handler for an event stream, as an EventSource would but without a socket; resolves once its head is there with what came
 * along, for an answer that is no stream once it is there as a whole. Rejects with what the handler throws, and with `OnwardError("connect_timeout")`.
 * @example
 * const reader = await connect((req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))
 * await hub.publish({ topic: "news", data: "hello" })
 * assert.equal((await reader.next()).data, "hello")
 * @example
 * const reader = await connect({ fetch: (request) => sse(request, hub.subscribe({ topics: ["news"] })) })
 */
export async function connect(handler: Handler, options: ConnectOptions = {}): Promise<Reader> {
  checkNames("connect", options, OPTIONS)
  const timeout = durationOf("timeout", options.timeout, 2_000)
  const transport = await transportOf(handler)

  async function open(lastEventId: string): Promise<Reader> {
    const exchange = await answered(transport, askedOf(options, lastEventId), timeout)
    const reader = createReader(exchange, { lastEventId, timeout, reconnect: open })
    if (!isStream(exchange)) await reader.closed()
    // what was sent together with the head has come then, however the body travels
    await afterTwoTurns()
    return reader
  }
  return open(options.lastEventId ?? "")
}

async function transportOf(handler: Handler): Promise<Transport> {
  if (isFetchHandler(handler)) return throughFetch(handler)
  if (isNodeHandler(handler)) {
    // only here, so that fetch-style handlers can be tested where there is no Node
    const { overPipe } = await import("./node.ts")
    return overPipe(handler)
  }
  throw new TypeError(
    "connect takes a listener `(req, res) => …`, a server of node:http, or an object with `fetch`: " +
      "of a Koa app give `app.callback()`, of a Fastify app `app.server` once it is ready",
  )
}

const isFetchHandler = (handler: Handler): handler is FetchHandler =>
  typeof handler === "object" && typeof (handler as Partial<FetchHandler> | null)?.fetch === "function"

const isNodeHandler = (handler: Handler): handler is NodeHandler =>
  typeof handler === "function" || typeof (handler as { emit?: unknown } | null | undefined)?.emit === "function"

function askedOf(options: ConnectOptions, lastEventId: string): Asked {
  const { path = "/", body, method = body === undefined ? "GET" : "POST" } = options
  const headers: Record<string, string> = { accept: "text/event-stream", "cache-control": "no-store" }
  if (body !== undefined && typeof body !== "string") headers["content-type"] = "application/json"
  if (lastEventId !== "") headers["last-event-id"] = toHeader(lastEventId)
  for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = value
  return { method, path, headers, body: body === undefined ? undefined : serialize(body) }
}

/** An EventSource sends ids as UTF-8 (WHATWG HTML section 9.2.4), which header APIs take as Latin-1. */
const toHeader = (id: string): string => String.fromCharCode(...new TextEncoder().encode(id))

function answered(transport: Transport, asked: Asked, timeout: number): Promise<Exchange> {
  const waiting = createWaiting(timeout)
  let settled: { readonly exchange: Exchange } | { readonly error: unknown } | undefined
  transport(asked).then(
    (exchange) => {
      settled = { exchange }
      waiting.look()
    },
    (error: unknown) => {
      settled = { error }
      waiting.look()
    },
  )
  return waiting.until(
    () => {
      if (settled && "error" in settled) throw settled.error
      return settled?.exchange
    },
    () =>
      new OnwardError(
        "connect_timeout",
        `the handler has not answered within ${timeout} ms: it must call \`sse(…)\` or end its response`,
      ),
  )
}
