import type { IncomingMessage, ServerResponse } from "node:http"
import { hasBody, type Bodies } from "../body.ts"
import { sendProblem } from "../respond.ts"
import type { Abandonment } from "./abandonment.ts"
import { guardUpload, streamed } from "./bodies.ts"
import type { GatewayCaller } from "./caller.ts"
import { decodedBody, isEncoded } from "./decoded.ts"
import type { Kinds } from "./kinds.ts"
import type { GatewayLimits } from "./limits.ts"
import type { Names } from "./names.ts"
import { passOn } from "./pass-on.ts"
import type { ApiPath } from "./path.ts"
import { createReferenceScan, type ReferenceScan } from "./references.ts"
import { createTopLevel } from "./top-level.ts"
import type { Body, Question, Upstream } from "./upstream.ts"
import type { Answered, Upstreams } from "./upstreams.ts"

/** What all requests of a gateway share. */
export interface Setting {
  readonly upstreams: Upstreams
  readonly kinds: Kinds
  readonly abandonment: Abandonment
  readonly names: Names
  readonly bodies: Bodies
  readonly limits: GatewayLimits
  /** Whether requests with the gateway's key can refer to ids that no caller received here. */
  readonly allowUnknownIds: boolean
  readonly onError: (error: unknown) => void
}

/** One request to the gateway. */
export interface Asked {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly method: string
  readonly path: ApiPath
  readonly query: URLSearchParams
  readonly owner: string
  /** Undefined if the hub has no authentication, and for requests with a provider's key of the client. */
  readonly caller: GatewayCaller | undefined
}

/** A request whose body has been read. */
export interface Read extends Asked {
  readonly body: Body
  /** The upstreams for it, in the order in which they are tried. */
  readonly upstreams: readonly Upstream[]
  /** Whether its JSON has `stream: true`. */
  readonly isStream: boolean
  /** What its JSON refers to. Undefined if the body was not read. */
  readonly references: ReferenceScan | undefined
}

/** Bodies up to this size, in bytes, are read before they are forwarded, so that the request can be repeated and use a pooled connection. */
const SMALL = 256 * 1024

/** Reads a request's body if the gateway needs it or it is small, and calls `use`. Other bodies are streamed to the provider. */
export function withBody(
  setting: Setting,
  asked: Asked,
  { isRead }: { readonly isRead: boolean },
  use: (read: Read) => Promise<void>,
): Promise<void> {
  const { req, res, path } = asked
  const { upstreams, bodies, limits } = setting
  const plain = { isStream: false, references: undefined }
  if (!hasBody(req)) return use({ ...asked, ...plain, body: undefined, upstreams: upstreams.choose(path.prefix) })
  const length = req.headers["content-length"]
  const isSmall = length !== undefined && Number(length) <= SMALL
  const isEncodedBody = req.headers["content-encoding"] !== undefined
  if (!isSmall && (!isRead || isEncodedBody)) {
    guardUpload(req, limits.uploadTimeout, (error) => sendProblem(req, res, error, { onError: setting.onError }))
    return use({ ...asked, ...plain, body: streamed(req, res), upstreams: upstreams.choose(path.prefix) })
  }
  const top = createTopLevel(["stream", "model"])
  const references = isRead ? createReferenceScan(path.path) : undefined
  return bodies.readBytes(
    req,
    res,
    (bytes) => {
      const model = top.valuesOf("model").at(-1)
      return use({
        ...asked,
        body: bytes,
        upstreams: upstreams.choose(path.prefix, typeof model === "string" ? model : undefined),
        isStream: top.valuesOf("stream").includes(true),
        references,
      })
    },
    isEncodedBody
      ? undefined
      : (piece) => {
          top.push(piece)
          references?.push(piece)
        },
  )
}

/** Sends a client's request to its upstreams. */
export function ask(
  { upstreams }: Setting,
  { req, method, path, body, upstreams: from }: Read,
  { signal, acceptEncoding = "identity", to = path.path }: AskOptions,
): Promise<Answered> {
  const question: Question = { method, path: to + path.search, headers: req.headers, body, acceptEncoding }
  return upstreams.ask(from, question, signal)
}

export interface AskOptions {
  readonly signal: AbortSignal
  /** The content codings that the response can have. @default none */
  readonly acceptEncoding?: string
  /** The path of the request. @default that of the client's request */
  readonly to?: string
}

/** Forwards a request and its response unchanged. Stores the caller as the owner of what it creates with the gateway's key. */
export async function proxy(setting: Setting, read: Read, to?: string): Promise<void> {
  const { req, res, method, path, owner, upstreams: from } = read
  const { names, limits, onError } = setting
  const isMaking = path.segments.length <= 2 || path.segments.at(-1) === "items"
  const isNoted = method === "POST" && from[0]?.options.key !== undefined && isMaking
  const acceptEncoding = isNoted ? "identity" : acceptEncodingOf(req)
  const { answer, upstream } = await ask(setting, read, {
    signal: untilGone(res),
    ...(acceptEncoding !== undefined && { acceptEncoding }),
    ...(to !== undefined && { to }),
  })
  const { statusCode = 0, headers } = answer
  const isMade = isNoted && statusCode >= 200 && statusCode < 300 && /\bjson\b/i.test(headers["content-type"] ?? "")
  const top = createTopLevel(["id"])
  // the items of a response can be referred to by their own ids
  const hasParts = /^\/(?:responses|conversations|messages)\b/.test(path.path)
  const parts = hasParts ? createReferenceScan(path.path) : undefined
  passOn(req, res, answer, {
    toLocal: (address) => upstream.toLocal(address),
    idleTimeout: limits.idleTimeout,
    ...(isMade && {
      decoded: isEncoded(answer) ? decodedBody(answer) : undefined,
      reader: {
        push(piece) {
          top.push(piece)
          parts?.push(piece)
        },
        async end() {
          const id = top.valuesOf("id").at(-1)
          const named = { owner, upstream: upstream.options.url }
          if (typeof id === "string") await names.add(path.path, id, named).catch(onError)
          const all = parts?.found ?? []
          await Promise.all(all.map((part) => names.add(part.path, part.id ?? "", named))).catch(onError)
        },
      },
    }),
  })
}

const acceptEncodingOf = ({ headers }: IncomingMessage): string | undefined => headers["accept-encoding"]?.toString()

/** Returns a signal that is aborted when the client disconnects. */
export function untilGone(res: ServerResponse): AbortSignal {
  const aborter = new AbortController()
  res.once("close", () => aborter.abort())
  return aborter.signal
}
