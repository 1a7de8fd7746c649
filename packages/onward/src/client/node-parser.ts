import { OnwardError } from "../errors.ts"
import { createParser, type ParserHandlers, type SmallParser, type SmallParserOptions } from "../protocol/index.ts"

/** A line `data: ` ended by CRLF takes eight bytes, of which one counts. */
const MOST_BYTES = 8

/**
 * The parser that is built for speed, in the ways of the small one: in Node bytes of code count for nothing. It measures events in bytes,
 * and passes over what means nothing without holding it; so that a line of that kind ends some time too, bytes are counted.
 */
export function createFastParser(handlers: ParserHandlers, options: SmallParserOptions = {}): SmallParser {
  const { maxEventChars = 16 * 1024 * 1024, lastEventId } = options
  /** Since anything came that means something. */
  let bytes = 0
  const clear = (): void => void (bytes = 0)

  function refuse(): never {
    throw new OnwardError("event_too_large", `an event is longer than ${maxEventChars}: raise \`maxEventChars\``)
  }

  const parser = createParser(
    {
      onEvent(event) {
        clear()
        try {
          handlers.onEvent(event)
        } catch (error) {
          // nothing more of the chunk, then `push` throws
          parser.reset()
          throw error
        }
      },
      onComment(comment) {
        clear()
        handlers.onComment?.(comment)
      },
      onId: clear,
      onRetry: clear,
    },
    { maxEventBytes: maxEventChars, lastEventId },
  )
  return {
    feed(chunk) {
      bytes += chunk.length
      try {
        parser.feed(chunk)
      } catch (error) {
        if (!(error instanceof OnwardError) || error.code !== "event_too_large") throw error
        refuse()
      }
      if (bytes > MOST_BYTES * maxEventChars) refuse()
    },
    reset() {
      clear()
      parser.reset()
    },
    get lastEventId() {
      return parser.lastEventId
    },
    get retry() {
      return parser.retry
    },
  }
}
