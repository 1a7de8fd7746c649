import { request as requestHttp, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import { request as requestHttps } from "node:https"
import { pipeline } from "node:stream"
import { HttpError } from "../http-error.ts"
import { SECURITY_HEADERS } from "../respond.ts"

export interface UpstreamOptions {
  /** The base URL that clients would otherwise be given, such as `https://api.openai.com/v1`. */
  readonly url: string
  /** Sent in place of what clients send as `Authorization`. @default theirs */
  readonly key?: string
}

/** What the gateway asks of a provider. */
export interface Question {
  readonly method: string
  /** Path below the base URL, and search. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Text, or the request it comes with. @default nothing */
  readonly body?: string | IncomingMessage
}

export interface Upstream {
  /** Whether the gateway has a key of its own, which then stands for everybody's. */
  readonly hasKey: boolean
  /** Resolves once the provider has begun its answer. Rejects with `HttpError` 502 when it cannot be reached. */
  ask(question: Question, signal: AbortSignal): Promise<IncomingMessage>
}

/** Longest silence of a provider, in ms: some think for minutes before they say anything. */
const SILENCE_MS = 600_000

/** What concerns one connection only (RFC 9110 section 7.6.1), and what is the gateway's own affair. */
const NOT_ASKED =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|expect|content-length|cookie|accept-encoding|last-event-id)$/
const NOT_ANSWERED = /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|set-cookie)$/

export function createUpstream({ url, key }: UpstreamOptions): Upstream {
  const base = new URL(url)
  const root = base.pathname.replace(/\/+$/, "")
  const request = base.protocol === "https:" ? requestHttps : requestHttp

  return {
    hasKey: key !== undefined,
    ask({ method, path, headers, body }, signal) {
      // not resolved against it: a path may begin like another host
      const target = new URL(base.origin + root + path)
      const isText = typeof body === "string"
      return new Promise((resolve, reject) => {
        const asked = request(target, {
          method,
          signal,
          timeout: SILENCE_MS,
          headers: {
            ...kept(headers, NOT_ASKED),
            // events have to come one by one
            "accept-encoding": "identity",
            ...(key !== undefined && { authorization: `Bearer ${key}` }),
            ...(isText && { "content-length": Buffer.byteLength(body) }),
            ...(!isText && headers["content-length"] !== undefined && { "content-length": headers["content-length"] }),
          },
        })
        asked.once("timeout", () => asked.destroy(new Error("the upstream was silent for too long")))
        asked.once("response", resolve)
        asked.on("error", (cause: Error) => reject(signal.aborted ? LEFT : unreachable(cause)))
        if (body === undefined || isText) asked.end(body)
        else pipeline(body, asked, () => {})
      })
    },
  }
}

function kept(headers: IncomingHttpHeaders, dropped: RegExp): Record<string, string | string[]> {
  const all = Object.entries(headers).filter(([name]) => !dropped.test(name))
  return Object.fromEntries(all) as Record<string, string | string[]>
}

/** Told to nobody. */
const LEFT = new HttpError(499, "client_left", "The client left.")

/** Where it is and why it failed is for whoever runs the gateway, not for its clients. */
function unreachable(cause: Error): HttpError {
  const error = new HttpError(502, "upstream_unreachable", "The upstream cannot be reached: try again later.")
  error.cause = cause
  return error
}

/** Hands a provider's answer on as it is. */
export function passOn(answer: IncomingMessage, res: ServerResponse): void {
  res.writeHead(answer.statusCode ?? 502, { ...kept(answer.headers, NOT_ANSWERED), ...SECURITY_HEADERS })
  res.flushHeaders()
  // a client that leaves ends it, and so does a provider that breaks off: cut, so that it does not look whole
  pipeline(answer, res, () => {})
}

/** What a provider says beside its answer, such as its own id for it and how much may still be asked. */
export function sideHeaders({ headers }: IncomingMessage): Record<string, string> {
  const said = Object.entries(headers).filter(([name]) =>
    /^(?:x-request-id|request-id|x-ratelimit-|openai-)/.test(name),
  )
  return Object.fromEntries(said.map(([name, value]) => [name, String(value)]))
}
