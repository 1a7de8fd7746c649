import { Agent as HttpAgent, request as requestHttp, type IncomingHttpHeaders, type IncomingMessage } from "node:http"
import { Agent as HttpsAgent, request as requestHttps } from "node:https"
import { HttpError } from "../http-error.ts"
import { CREDENTIALS, requestHeaders, type HeaderFields } from "./headers.ts"
import type { GatewayLimits } from "./limits.ts"

export interface UpstreamOptions {
  /** The provider's base URL, such as `https://api.openai.com/v1`. */
  readonly url: string
  /** The key that replaces the clients' credentials. @default the clients' credentials */
  readonly key?: string
  /** The models of this upstream: a name, or the start of one and `*`. @default all */
  readonly models?: string
  /** The upstream handles paths below `/<prefix>/v1`. @default paths below `/v1` */
  readonly prefix?: string
}

/**
 * A request's body: none, all its bytes, or the client's request, whose bytes can be sent only once. `length` is its `Content-Length`; undefined
 * for a chunked body.
 */
export type Body = undefined | Buffer | { readonly req: IncomingMessage; readonly length: number | undefined }

/** A request to a provider. */
export interface Question {
  readonly method: string
  /** The path below the base URL, with the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Body
  /** The content codings that the response can have. */
  readonly acceptEncoding: string
}

export interface Upstream {
  readonly options: UpstreamOptions
  /**
   * Sends a request. Resolves with the head of the response. Rejects with `HttpError`: 502 if the provider is unreachable, 504 after a timeout.
   */
  ask(question: Question, signal: AbortSignal): Promise<IncomingMessage>
  /** Returns the gateway's path for an absolute or relative URL of the provider; undefined for another URL. */
  toLocal(address: string): string | undefined
  close(): void
}

/** Maximum number of idle connections to each provider, and the time after which they close, in ms. */
const MAX_IDLE = 64
const IDLE_MS = 4_000

/**
 * Creates a client for one provider, on `node:http`. A client library would not help: Node has pools and timeouts, and this code still has to
 * decide which headers are sent, how a body is framed, and when a request can be repeated.
 */
export function createUpstream(options: UpstreamOptions, limits: GatewayLimits): Upstream {
  const base = new URL(options.url)
  const root = base.pathname.replace(/\/+$/, "")
  const isTls = base.protocol === "https:"
  const request = isTls ? requestHttps : requestHttp
  const pooled = { keepAlive: true, maxFreeSockets: MAX_IDLE, timeout: IDLE_MS }
  const agent = isTls ? new HttpsAgent(pooled) : new HttpAgent(pooled)
  // Node expects an IPv6 address without brackets
  const hostname = base.hostname.replace(/^\[(.*)\]$/, "$1")

  /** @param isAlone whether to use a new connection that is closed afterwards */
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
    const refuseSwitch = (): void =>
      reject(unreachable(new Error("The upstream answered with 101, although the request had no Upgrade header.")))
    asked.once("response", (answer) => {
      // without an Upgrade header it is no event `upgrade`
      if (answer.statusCode === 101) {
        answer.destroy()
        return refuseSwitch()
      }
      // from here on, the timeouts for events and chunks apply
      asked.removeAllListeners("timeout")
      asked.setTimeout(0)
      resolve(answer)
    })
    // the gateway never requests an upgrade
    asked.once("upgrade", (_answer, socket) => {
      socket.destroy()
      refuseSwitch()
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
      // some servers ignore the body of these methods, and would read it as another request on the same connection
      const isOnce = body !== undefined && "req" in body
      const isAlone = isOnce || (body !== undefined && /^(?:GET|HEAD|DELETE|OPTIONS)$/.test(method))
      try {
        return await attempt(question, signal, { isAlone })
      } catch (error) {
        if (!(error instanceof Stale)) throw error
        // the provider closed the idle connection (RFC 9112 section 9.3.1): retried once, over a new connection
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

const LATE = new Error("The upstream did not start a response in time.")

/** Thrown when a pooled connection is cut before the first byte of a response. */
class Stale extends Error {}

const isCut = ({ code }: NodeJS.ErrnoException): boolean => code === "ECONNRESET" || code === "EPIPE"

function headersFor({ headers, acceptEncoding, path }: Question, key: string | undefined): HeaderFields {
  const all = { ...requestHeaders(headers), "accept-encoding": acceptEncoding }
  if (key === undefined) return all
  const others = Object.fromEntries(Object.entries(all).filter(([name]) => !CREDENTIALS.includes(name)))
  return { ...others, ...(hasOwnName(headers, path) ? { "x-api-key": key } : { authorization: `Bearer ${key}` }) }
}

/** Whether the key is sent in Anthropic's header. Newer Anthropic clients use `authorization`. */
function hasOwnName(headers: IncomingHttpHeaders, path: string): boolean {
  const isMessages = path.startsWith("/messages") || "anthropic-version" in headers
  return isMessages && ("x-api-key" in headers || headers.authorization === undefined)
}

/** Returns the framing headers of a body. They are explicit, because Node sends none for some methods. */
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
  // an incomplete body must not look complete
  req.once("close", () => {
    if (!req.complete) asked.destroy()
  })
  asked.once("close", () => req.unpipe(asked))
}

/** The client is gone, so this is never sent. */
const LEFT = new HttpError(499, "client_left", "The client disconnected.")

/** Creates an error without the upstream's address and failure, which only the log shows. */
function unreachable(cause: Error): HttpError {
  const error = new HttpError(502, "upstream_unreachable", "The upstream cannot be reached. Retry later.")
  error.cause = cause
  return error
}

const tooLate = (): HttpError =>
  new HttpError(
    504,
    "upstream_timeout",
    "The upstream did not start a response in time (--upstream-head-timeout). Retry later.",
  )
