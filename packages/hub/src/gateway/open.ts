import type { IncomingMessage } from "node:http"
import type { Readable } from "node:stream"
import { OnwardError } from "onward"
import { decodedBody, isEncoded } from "./decoded.ts"
import { framesOf, type FramesOptions } from "./frames.ts"

/** What a provider answered to a request for a stream: frames, or something else that is passed on as it is. */
export type Opened<F> =
  | { readonly type: "frames"; readonly frames: AsyncGenerator<F> }
  | { readonly type: "other"; readonly answer: IncomingMessage; readonly decoded: Readable | undefined }

/**
 * Finds out what an answer is. Providers send event streams without a content type or with a wrong one, so what it begins with counts too.
 * The frames of what is neither an event stream nor JSON fail with `bad_content_type`, and of what is cut off with `stream_ended`.
 */
export async function openAnswer<F>(answer: IncomingMessage, options: FramesOptions<F>): Promise<Opened<F>> {
  try {
    const body = decodedBody(answer)
    const other = { type: "other", answer, decoded: isEncoded(answer) ? body : undefined } as const
    const { statusCode = 0, headers } = answer
    const type = headers["content-type"] ?? ""
    if (statusCode < 200 || statusCode > 299 || statusCode === 204) return other
    if (/^text\/event-stream\b/i.test(type)) return { type: "frames", frames: framesOf(body, options) }
    const beginning = await peek(body, options.firstTimeout)
    if (/^(?:data|event|id|retry)?:/.test(beginning)) return { type: "frames", frames: framesOf(body, options) }
    if (/^[{[]/.test(beginning) || /\bjson\b/i.test(type)) return other
    throw new OnwardError(
      "bad_content_type",
      `the upstream sent ${(type || "nothing").slice(0, 100)} instead of an event stream: check its base URL`,
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

/** Enough to tell a field of an event from anything else. */
const ENOUGH = 8

/** What a body begins with, after space and a byte order mark; it is still there to be read. Empty when there is nothing. */
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

  // all there is, and it is short: nothing can be put back after the end
  const end = (): void => {
    leave()
    resolve("")
  }
  const fail = (cause?: Error): void => {
    leave()
    reject(new OnwardError("stream_ended", "the upstream's answer was cut off", { cause }))
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

const beginningOf = (pieces: readonly Buffer[]): string => {
  let text = ""
  for (const piece of pieces) {
    text += piece.toString("latin1", 0, 4_096)
    if (text.length > 4_096) break
  }
  return text.replace(/^(?:\u00ef\u00bb\u00bf)?\s*/, "")
}
