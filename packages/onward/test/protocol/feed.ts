import {
  createParser,
  createSmallParser,
  type ParsedEvent,
  type ParserHandlers,
  type ParserOptions,
  type SmallParserOptions,
} from "../../src/protocol/index.ts"

/** All a stream does to who reads it, in order. */
export interface Outcome {
  readonly events: readonly ParsedEvent[]
  readonly ids: readonly string[]
  readonly comments: readonly string[]
  readonly retry: number | undefined
  readonly lastEventId: string
}

type Heard = (events: readonly ParsedEvent[]) => void

/** Parses `chunks` to the end of the stream. `heard` sees each chunk go by. */
export function feed(
  chunks: readonly (Uint8Array | string)[],
  options: ParserOptions & Partial<ParserHandlers> = {},
  heard: Heard = () => {},
): Outcome {
  const { handlers, ...lists } = listen()
  const { onComment, ...rest } = options
  const parser = createParser({ ...handlers, ...(onComment && { onComment }) }, rest)
  for (const chunk of chunks) {
    parser.feed(chunk)
    heard(lists.events)
  }
  parser.end()
  return { ...lists, retry: parser.retry, lastEventId: parser.lastEventId }
}

/** The same with the small parser, for which a stream ends by no more of it coming, and which does not tell of ids by themselves. */
export function feedSmall(
  chunks: readonly Uint8Array[],
  options: SmallParserOptions = {},
  heard: Heard = () => {},
): Omit<Outcome, "ids"> {
  const { handlers, ids: _, ...lists } = listen()
  const { onEvent, onComment } = handlers
  const parser = createSmallParser({ onEvent, onComment }, options)
  for (const chunk of chunks) {
    parser.feed(chunk)
    heard(lists.events)
  }
  parser.reset()
  return { ...lists, retry: parser.retry, lastEventId: parser.lastEventId }
}

/** Both parsers, for what must be true of either. `limit` is that of an event of ASCII. */
export const PARSERS = [
  { name: "createParser", feed, limit: (length: number): ParserOptions => ({ maxEventBytes: length }) },
  {
    name: "createSmallParser",
    feed: feedSmall,
    limit: (length: number): SmallParserOptions => ({ maxEventChars: length }),
  },
] as const

function listen(): Pick<Outcome, "events" | "ids" | "comments"> & { handlers: ParserHandlers } {
  const [events, ids, comments] = [[] as ParsedEvent[], [] as string[], [] as string[]]
  const handlers = {
    onEvent: (event: ParsedEvent) => void events.push(event),
    onId: (id: string) => void ids.push(id),
    onComment: (comment: string) => void comments.push(comment),
  }
  return { events, ids, comments, handlers }
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
