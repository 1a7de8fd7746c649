import type { ParsedEvent, ParserHandlers } from "./block.ts"
import { makeJoined, type Parser, type ParserOptions } from "./parser.ts"

/** The options of a parser, and its handlers except `onEvent`. An error of a handler ends the iteration. */
export interface ParseOptions extends ParserOptions, Omit<ParserHandlers, "onEvent"> {}

/** Where chunks come from: an iterator, or the reader of a web stream, as not every browser can iterate one. */
interface Chunks {
  next(): Promise<{ readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined }>
  cancel(): Promise<unknown>
}

/**
 * The events of a stream, in order. The next chunk is read when the events of the last one were taken, so a slow reader slows
 * the sender. Leaving the loop, or `return()` at any time, cancels `body`; what is unfinished at its end is dropped.
 * Fails with what `body` fails with, and with `OnwardError("event_too_large")`.
 *
 * @example
 * for await (const { event, data, id } of parse(response.body)) console.log(event, data, id)
 */
export function parse(
  body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>,
  options: ParseOptions = {},
): AsyncIterableIterator<ParsedEvent, undefined> {
  return new Events(open(body), options)
}

function open(body: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array>): Chunks {
  if ("getReader" in body) {
    const reader = body.getReader()
    return { next: () => reader.read(), cancel: () => reader.cancel() }
  }
  const iterator = body[Symbol.asyncIterator]()
  return { next: () => iterator.next(), cancel: async () => iterator.return?.() }
}

type Result = IteratorResult<ParsedEvent, undefined>

/** Written out, not a generator: an event that is there costs one settled promise, and `return` need not wait for a read. */
class Events implements AsyncIterableIterator<ParsedEvent, undefined> {
  readonly #chunks: Chunks
  readonly #parser: Parser
  #batch: ParsedEvent[] = []
  #at = 0
  #done = false
  #failure: { readonly error: unknown } | undefined
  /** How many calls of `next` wait for a chunk; they are served one after the other. */
  #waiting = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(chunks: Chunks, options: ParseOptions) {
    this.#chunks = chunks
    this.#parser = makeJoined("parse", options, (event) => void this.#batch.push(event))
  }

  next(): Promise<Result> {
    if (this.#waiting === 0) {
      const value = this.#take()
      if (value !== undefined) return Promise.resolve({ done: false, value })
    }
    this.#waiting++
    const result = this.#turn.then(() => this.#read())
    const served = (): void => void this.#waiting--
    this.#turn = result.then(served, served)
    return result
  }

  async return(): Promise<Result> {
    this.#batch = []
    this.#failure = undefined
    if (!this.#done) {
      this.#done = true
      await this.#chunks.cancel()
    }
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #take(): ParsedEvent | undefined {
    const value = this.#batch[this.#at]
    if (value === undefined) return undefined
    if (++this.#at === this.#batch.length) {
      this.#batch = []
      this.#at = 0
    }
    return value
  }

  async #read(): Promise<Result> {
    for (;;) {
      const value = this.#take()
      if (value !== undefined) return { done: false, value }
      if (this.#failure !== undefined) {
        const { error } = this.#failure
        this.#failure = undefined
        throw error
      }
      if (this.#done) return { done: true, value: undefined }
      await this.#readChunk()
    }
  }

  /** Fills the batch. A failure waits until the events that came before it were taken. */
  async #readChunk(): Promise<void> {
    let reading = true
    try {
      const { done, value } = await this.#chunks.next()
      reading = false
      if (this.#done) return // `return` was called meanwhile
      if (done) this.#done = true
      else this.#parser.feed(value as Uint8Array)
    } catch (error) {
      if (this.#done) return
      this.#done = true
      this.#failure = { error }
      if (!reading) this.#chunks.cancel().catch(() => {}) // the first failure is the one to tell
    }
  }
}
