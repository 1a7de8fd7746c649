import type { ParsedEvent } from "./block.ts"
import type { ParseOptions } from "./parse.ts"
import { makeJoined } from "./parser.ts"

/**
 * A stream that turns bytes into events, for `pipeThrough`. A slow reader is waited for: the next chunk is parsed when the
 * events of the last one were taken. Errors the stream with `OnwardError("event_too_large")`. {@link parse} is faster.
 *
 * @example
 * const events = response.body.pipeThrough(createParserStream())
 */
export function createParserStream(options: ParseOptions = {}): TransformStream<Uint8Array, ParsedEvent> {
  let enqueue: (event: ParsedEvent) => void
  const parser = makeJoined("createParserStream", options, (event) => enqueue(event))
  return new TransformStream<Uint8Array, ParsedEvent>({
    start(controller) {
      enqueue = (event) => controller.enqueue(event)
    },
    transform(chunk) {
      parser.feed(chunk)
    },
    flush() {
      parser.end()
    },
  })
}
