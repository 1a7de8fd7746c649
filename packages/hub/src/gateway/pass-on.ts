import type { IncomingMessage, ServerResponse } from "node:http"
import type { Readable } from "node:stream"
import { HttpError } from "../http-error.ts"
import { linger } from "../respond.ts"
import { cutOf } from "./decoded.ts"
import { answerHeaders } from "./headers.ts"

export interface PassOnOptions {
  /** The body of the answer without its codings, when these are not to be passed on. */
  readonly decoded?: Readable | undefined
  /** Where an address of the provider is at the gateway; undefined for what is elsewhere. */
  readonly toLocal: (address: string) => string | undefined
  /** Longest pause of the provider, in ms. */
  readonly idleTimeout: number
  /** Given each piece of the body, and then waited for before the client sees the end. */
  readonly reader?: { readonly push: (piece: Buffer) => void; readonly end: () => Promise<void> }
}

/**
 * Hands a provider's answer on as it is, for as long as both stay. When one of them breaks off, so does the other side, and the answer does
 * not look whole. An answer that comes before all of the request has is the last one on the client's connection.
 */
export function passOn(
  req: IncomingMessage,
  res: ServerResponse,
  answer: IncomingMessage,
  { decoded, toLocal, idleTimeout, reader }: PassOnOptions,
): void {
  const isEarly = !req.complete
  try {
    const headers = head(answer, { isDecoded: decoded !== undefined, isEarly, toLocal })
    const vary = [headers["vary"], res.getHeader("vary")].filter((value) => value !== undefined).join(", ")
    res.writeHead(answer.statusCode ?? 502, { ...headers, ...(vary !== "" && { vary }) })
  } catch (cause) {
    answer.destroy()
    const error = new HttpError(502, "upstream_invalid", "The upstream sent an answer that cannot be passed on.")
    error.cause = cause
    throw error
  }
  res.flushHeaders()
  const body = decoded ?? answer
  // all of it may be here already, and its connection elsewhere
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
    // what the provider does not want of the request any more
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
  { isDecoded, isEarly, toLocal }: { isDecoded: boolean; isEarly: boolean; toLocal: PassOnOptions["toLocal"] },
): Record<string, string | string[]> {
  const { "content-encoding": coding, ...rest } = answerHeaders(headers, toLocal)
  const length = isDecoded || statusCode === 204 ? undefined : headers["content-length"]
  return {
    ...rest,
    ...(coding !== undefined && !isDecoded && { "content-encoding": coding }),
    ...(length !== undefined && { "content-length": length }),
    ...(isEarly && { connection: "close" }),
  }
}
