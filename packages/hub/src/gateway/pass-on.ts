import type { IncomingMessage, ServerResponse } from "node:http"
import type { Readable } from "node:stream"
import { HttpError } from "../http-error.ts"
import { linger } from "../respond.ts"
import { cutOf } from "./decoded.ts"
import { answerHeaders } from "./headers.ts"

export interface PassOnOptions {
  /** The decoded body, if its content coding is not forwarded. */
  readonly decoded?: Readable | undefined
  /** Returns the gateway's path for a URL of the provider; undefined for another URL. */
  readonly toLocal: (address: string) => string | undefined
  /** Maximum pause of the provider, in ms. */
  readonly idleTimeout: number
  /** Receives each chunk of the body. The client receives the end when `end` resolves. */
  readonly reader?: { readonly push: (piece: Buffer) => void; readonly end: () => Promise<void> }
}

/**
 * Forwards a provider's response unchanged. If one side disconnects, the other connection is cut too, so that the response does not look complete.
 * A response that starts before the request is complete is the last one on the client's connection.
 */
export function passOn(
  req: IncomingMessage,
  res: ServerResponse,
  answer: IncomingMessage,
  { decoded, toLocal, idleTimeout, reader }: PassOnOptions,
): void {
  const isEarly = !req.complete
  try {
    // HTTP/2 has no connection headers, and the other streams of its connection go on (RFC 9113 section 8.2.2)
    const isLast = isEarly && req.httpVersionMajor === 1
    const headers = head(answer, { isDecoded: decoded !== undefined, isLast, toLocal })
    const vary = [headers["vary"], res.getHeader("vary")].filter((value) => value !== undefined).join(", ")
    res.writeHead(answer.statusCode ?? 502, { ...headers, ...(vary !== "" && { vary }) })
  } catch (cause) {
    answer.destroy()
    const error = new HttpError(
      502,
      "upstream_invalid",
      "The upstream sent a response that cannot be forwarded. Check the upstream's log.",
    )
    error.cause = cause
    throw error
  }
  res.flushHeaders()
  const body = decoded ?? answer
  // a complete response's connection can already have another request
  if (!answer.complete) answer.setTimeout(idleTimeout, () => answer.destroy())
  answer.on("error", () => {})
  body.on("error", () => {})
  res.once("close", () => answer.destroy())
  body.once("close", () => {
    if (!body.readableEnded) res.destroy()
  })
  const end = (): void => void res.end()
  body.once("end", () => {
    if (cutOf(body)) return void res.destroy()
    // the provider does not read the rest of the request
    if (isEarly) {
      req.unpipe()
      answer.destroy()
      return linger(req, end)
    }
    if (!reader) return end()
    reader.end().then(end, () => res.destroy())
  })
  if (reader) body.on("data", reader.push)
  body.pipe(res, { end: false })
}

function head(
  { headers, statusCode }: IncomingMessage,
  { isDecoded, isLast, toLocal }: { isDecoded: boolean; isLast: boolean; toLocal: PassOnOptions["toLocal"] },
): Record<string, string | string[]> {
  const { "content-encoding": coding, ...rest } = answerHeaders(headers, toLocal)
  const length = isDecoded || statusCode === 204 ? undefined : headers["content-length"]
  return {
    ...rest,
    ...(coding !== undefined && !isDecoded && { "content-encoding": coding }),
    ...(length !== undefined && { "content-length": length }),
    ...(isLast && { connection: "close" }),
  }
}
