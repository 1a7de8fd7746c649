import { Agent as HttpAgent, request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import { Agent as HttpsAgent, request as requestHttps } from "node:https"
import { HttpError } from "../http-error.ts"
import { CREDENTIALS, requestHeaders, type HeaderFields } from "./headers.ts"
import type { GatewayLimits } from "./limits.ts"

export interface UpstreamOptions {
  /** The base URL that clients would otherwise be given, such as `https://api.openai.com/v1`. */
  readonly url: string
  /** Sent in place of the credentials that clients send. @default theirs */
  readonly key?: string
  /** The models it answers for: a name, or the beginning of one and `*`. @default all */
  readonly models?: string
  /** It answers for what is asked below `/<prefix>/v1`. @default what is asked below `/v1` */
  readonly prefix?: string
}

/**
 * A request's body: nothing, all of it, or the request it comes with, of which each byte can be sent once only. `length` is what the client
 * announced; undefined for a body in chunks.
 */
export type Body = undefined | Buffer | { readonly req: IncomingMessage; readonly length: number | undefined }

/** What the gateway asks of a provider. */
export interface Question {
  readonly method: string
  /** Path below the base URL, and search. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Body
  /** The codings the answer may have. */
  readonly acceptEncoding: string
}

export interface Upstream {
  readonly options: UpstreamOptions
  /**
   * Resolves once the provider has begun its answer. Rejects with `HttpError`: 502 when it cannot be reached, 504 when it begins none in time.
   */
  ask(question: Question, signal: AbortSignal): Promise<IncomingMessage>
  /** Where an absolute or relative address of the provider is at the gateway; undefined for what is elsewhere. */
  toLocal(address: string): string | undefined
  close(): void
}

/** Idle connections that are kept for the next request, to each provider. */
const MAX_IDLE = 64
const IDLE_MS = 4_000

/**
 * One provider, over `node:http`. A client library would not do more: pools and timeouts are Node's own, and what is decided here, which
 * headers go, how a body is framed and when a request may be repeated, would have to be decided all the same.
 */
export function createUpstream(options: UpstreamOptions, limits: GatewayLimits): Upstream {
  const base = new URL(options.url)
  const root = base.pathname.replace(/\/+$/, "")
  const isTls = base.protocol === "https:"
  const request = isTls ? requestHttps : requestHttp
  const pooled = { keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: IDLE_MS }
  const agent = isTls ? new HttpsAgent(pooled) : new HttpAgent(pooled)
  // a name in brackets is an IPv6 address, which Node wants without them
  const hostname = base.hostname.replace(/^\[(.*)\]$/, "$1")

  /** @param isAlone over a connection of its own, which is closed after it */
  function attempt(
    question: Question,
    signal: AbortSignal,
    { isAlone }: { isAlone: boolean },
  ): Promise<IncomingMessage> {
    const { method, path, body } = question
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const asked = request({
      protocol: base.protocol,
      hostname,
      port: base.port,
      path: root + path,
      method,
      signal,
      agent: isAlone ? false : agent,
      timeout: limits.headTimeout,
      headers: { ...headersFor(question, options.key), host: base.host, ...framing(body) },
    })
    asked.once("timeout", () => asked.destroy(LATE))
    asked.once("response", (answer) => {
      // from here on the silence of a stream counts in events, and that of others in bytes
      asked.removeAllListeners("timeout")
      asked.setTimeout(0)
      resolve(answer)
    })
    // it was never asked to
    asked.once("upgrade", (_answer, socket) => {
      socket.destroy()
      reject(unreachable(new Error("the upstream answered with 101, but nothing was to be upgraded")))
    })
    asked.on("error", (cause: NodeJS.ErrnoException) => {
      if (signal.aborted) return reject(LEFT)
      if (cause === LATE) return reject(tooLate())
      reject(asked.reusedSocket && isCut(cause) ? new Stale("cut", { cause }) : unreachable(cause))
    })
    send(asked, body)
    return promise
  }

  return {
    options,
    async ask(question, signal) {
      const { method, body } = question
      // what some servers ignore the body of must not be on a connection where the rest would be taken for another request
      const isOnce = body !== undefined && "req" in body
      const isAlone = isOnce || (body !== undefined && /^(?:GET|HEAD|DELETE|OPTIONS)$/.test(method))
      try {
        return await attempt(question, signal, { isAlone })
      } catch (error) {
        if (!(error instanceof Stale)) throw error
        // closed by the provider while it was idle (RFC 9112 section 9.3.1): once, and over a connection that cannot be
        return await attempt(question, signal, { isAlone: true })
      }
    },
    toLocal(address) {
      const url = URL.parse(address, `${base.origin}${root}/`)
      if (!url || url.origin !== base.origin || !url.pathname.startsWith(`${root}/`)) return undefined
      const { prefix = "" } = options
      return `${prefix && `/${prefix}`}/v1${url.pathname.slice(root.length)}${url.search}`
    },
    close: () => agent.destroy(),
  }
}

const LATE = new Error("the upstream began no answer in time")

/** A connection from the pool was cut before a byte of an answer. */
class Stale extends Error {}

const isCut = ({ code }: NodeJS.ErrnoException): boolean => code === "ECONNRESET" || code === "EPIPE"

function headersFor({ headers, acceptEncoding, path }: Question, key: string | undefined): HeaderFields {
  const all = { ...requestHeaders(headers), "accept-encoding": acceptEncoding }
  if (key === undefined) return all
  const others = Object.fromEntries(Object.entries(all).filter(([name]) => !CREDENTIALS.includes(name)))
  return { ...others, ...(hasOwnName(headers, path) ? { "x-api-key": key } : { authorization: `Bearer ${key}` }) }
}

/** Whether a key is sent under Anthropic's name for it: its newer clients do not. */
function hasOwnName(headers: IncomingHttpHeaders, path: string): boolean {
  const isMessages = path.startsWith("/messages") || "anthropic-version" in headers
  return isMessages && ("x-api-key" in headers || headers.authorization === undefined)
}

/** How the body is sent. Said outright, because Node sends the bodies of some methods without any framing. */
function framing(body: Body): HeaderFields {
  if (body === undefined) return {}
  const { length } = body
  return length === undefined ? { "transfer-encoding": "chunked" } : { "content-length": String(length) }
}

function send(asked: ReturnType<typeof requestHttp>, body: Body): void {
  if (body === undefined) return void asked.end()
  if (!("req" in body)) {
    return void asked.end(body)
  }
  const { req } = body
  req.pipe(asked)
  // half of a body must not look whole
  req.once("close", () => {
    if (!req.complete) asked.destroy()
  })
  asked.once("close", () => req.unpipe(asked))
}

/** Told to nobody. */
const LEFT = new HttpError(499, "client_left", "The client left.")

/** Where it is and why it failed is for whoever runs the gateway, not for its clients. */
function unreachable(cause: Error): HttpError {
  const error = new HttpError(502, "upstream_unreachable", "The upstream cannot be reached: try again later.")
  error.cause = cause
  return error
}

const tooLate = (): HttpError =>
  new HttpError(
    504,
    "upstream_timeout",
    "The upstream did not begin an answer in time (--upstream-head-timeout). Try again later.",
  )
