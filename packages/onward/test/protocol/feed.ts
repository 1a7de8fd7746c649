import { createParser, type ParsedEvent, type ParserHandlers, type ParserOptions } from "../../src/protocol/index.ts"

/** All a stream does to who reads it, in order. */
export interface Outcome {
  readonly events: readonly ParsedEvent[]
  readonly ids: readonly string[]
  readonly comments: readonly string[]
  readonly retry: number | undefined
  readonly lastEventId: string
}

/** Parses `chunks` to the end of the stream. `heard` sees each chunk go by. */
export function feed(
  chunks: readonly (Uint8Array | string)[],
  options: ParserOptions & Partial<ParserHandlers> = {},
  heard: (events: readonly ParsedEvent[]) => void = () => {},
): Outcome {
  const [events, ids, comments] = [[] as ParsedEvent[], [] as string[], [] as string[]]
  const handlers = {
    onEvent: (event: ParsedEvent) => void events.push(event),
    onId: (id: string) => void ids.push(id),
    onComment: (comment: string) => void comments.push(comment),
  }
  const parser = createParser({ ...handlers, ...options }, options)
  for (const chunk of chunks) {
    parser.push(chunk)
    heard(events)
  }
  parser.end()
  return { events, ids, comments, retry: parser.retry, lastEventId: parser.lastEventId }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** `bytes` in chunks of `size`, each with memory of its own. */
export function cutTo(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size))
  return chunks
}

/** `bytes` in chunks that begin at `cuts`. */
export const cutAt = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] =>
  [0, ...cuts].map((cut, i) => bytes.slice(cut, cuts[i]))
