import type { IncomingMessage } from "node:http"
import { OnwardError } from "onward"
import { parse } from "onward/protocol"
import type { Format } from "onward/runs"

/** The frames of a provider's answer. Throws `OnwardError` when it is no event stream, or is cut off; to be told to clients as it is. */
export async function* framesOf<F>(answer: IncomingMessage, format: Format<F>): AsyncGenerator<F> {
  const type = answer.headers["content-type"] ?? "nothing"
  try {
    if (!isEventStream(answer)) {
      throw new OnwardError("bad_content_type", `the upstream sent ${type.slice(0, 100)} instead of an event stream`)
    }
    for await (const { event, data } of parse(answer)) {
      const frame = format.decode(event === "message" ? { data } : { event, data })
      if (frame !== undefined) yield frame
    }
  } catch (cause) {
    if (cause instanceof OnwardError) throw cause
    throw new OnwardError("stream_ended", "the upstream's answer was cut off", { cause })
  } finally {
    answer.destroy()
  }
}

export const isEventStream = ({ headers }: IncomingMessage): boolean =>
  /^text\/event-stream\b/i.test(headers["content-type"] ?? "")
