import type { IncomingMessage } from "node:http"
import type { Readable } from "node:stream"
import { OnwardError } from "onward"
import { decodedBody, isEncoded } from "./decoded.ts"
import { framesOf, type FramesOptions } from "./frames.ts"

/** A provider's response to a request for a stream: frames, or another response that is forwarded unchanged. */
export type Opened<F> =
  | { readonly type: "frames"; readonly frames: AsyncGenerator<F> }
  | { readonly type: "other"; readonly answer: IncomingMessage; readonly decoded: Readable | undefined }

/**
 * Detects whether a response is an event stream. Some providers send no content type or a wrong one, so the first bytes count too. The frames of
 * a response that is neither an event stream nor JSON fail with `bad_content_type`; those of a response that is cut, with `stream_ended`.
 */
export async function openAnswer<F>(answer: IncomingMessage, options: FramesOptions<F>): Promise<Opened<F>> {
  try {
    const body = decodedBody(answer)
    const other = { type: "other", answer, decoded: isEncoded(answer) ? body : undefined } as const
    const { statusCode = 0, headers } = answer
    const type = headers["content-type"] ?? ""
    if (statusCode < 200 || statusCode > 299 || statusCode === 204) return other
    if (/^text\/event-stream\b/i.test(type)) {
      // errors of some providers; not waited for, because a silent stream must begin
      if (/^[{[]/.test(arrivedOf(body))) return other
      return { type: "frames", frames: framesOf(body, options) }
    }
    const beginning = await peek(body, options.firstTimeout)
    if (/^(?:data|event|id|retry)?:/.test(beginning)) return { type: "frames", frames: framesOf(body, options) }
    if (/^[{[]/.test(beginning) || /\bjson\b/i.test(type)) return other
    throw new OnwardError(
      "bad_content_type",
      `The upstream's content type is "${type.slice(0, 100)}", not text/event-stream. Check its base URL.`,
    )
  } catch (error) {
    answer.destroy()
    return { type: "frames", frames: failing(error) }
  }
}

// oxlint-disable-next-line require-yield -- it has no frames
async function* failing(error: unknown): AsyncGenerator<never> {
  throw error
}

/** Number of characters that show whether a body starts with a field of an event. */
const ENOUGH = 8

/** Returns how a body starts, after white space and a byte order mark, without consuming it. Empty for an empty body. */
function peek(body: Readable, timeout: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const pieces: Buffer[] = []
  const timer = setTimeout(() => body.destroy(), timeout)

  function look(): void {
    for (let piece = body.read() as Buffer | null; piece !== null; piece = body.read() as Buffer | null) {
      pieces.push(piece)
      const text = beginningOf(pieces)
      if (text.length >= ENOUGH || /^[^a-z]/.test(text)) return stop(text)
    }
  }

  function stop(text: string): void {
    leave()
    if (pieces.length > 0) body.unshift(Buffer.concat(pieces))
    resolve(text)
  }

  // the body is short and complete, and cannot be put back after its end
  const end = (): void => {
    leave()
    resolve("")
  }
  const fail = (cause?: Error): void => {
    leave()
    reject(new OnwardError("stream_ended", "The upstream's response was cut off. Send the request again.", { cause }))
  }

  function leave(): void {
    clearTimeout(timer)
    body.off("readable", look).off("end", end).off("error", fail).off("close", fail)
    body.on("error", () => {})
  }

  body.on("readable", look).on("end", end).on("error", fail).on("close", fail)
  if (body.errored || body.destroyed) fail(body.errored ?? undefined)
  return promise
}

/** Returns how the part of a body that has arrived starts, without consuming it. */
function arrivedOf(body: Readable): string {
  const piece = body.read() as Buffer | null
  if (piece === null) return ""
  body.unshift(piece)
  return beginningOf([piece])
}

const beginningOf = (pieces: readonly Buffer[]): string => {
  let text = ""
  for (const piece of pieces) {
    text += piece.toString("latin1", 0, 4_096)
    if (text.length > 4_096) break
  }
  return text.replace(/^(?:\u00ef\u00bb\u00bf)?\s*/, "")
}
