import { Frame } from "../frame.ts"
import type { Entry, Position } from "../message.ts"
import type { Part } from "./batch.ts"
import { encodeEntry, slices, type TextFormat } from "./kept-entry.ts"

/**
 * Consecutive entries of a page of the log, for streams that send all of them. Once a stream has sent it, it keeps its bytes and no longer
 * its entries: a page is kept for streams that read it shortly after, and moving thousands of small objects would cost the garbage collector
 * more than reading them.
 */
export class EncodedSlice {
  /** Position of its last entry. */
  readonly end: Position
  readonly #format: TextFormat
  #entries: readonly Entry[]
  #part: Part | undefined

  constructor(entries: readonly Entry[], format: TextFormat) {
    this.end = entries.at(-1)?.position ?? ""
    this.#entries = entries
    this.#format = format
  }

  /** Encoded when it is needed first. */
  get part(): Part {
    if (this.#part) return this.#part
    let text = ""
    for (const entry of this.#entries) text += encodeEntry(entry, this.#format)
    this.#part = { frame: new Frame(text), end: this.end, count: this.#entries.length }
    this.#entries = []
    return this.#part
  }
}

/** Cuts entries into slices of one write each. */
export const encodedSlices = (entries: readonly Entry[], format: TextFormat): EncodedSlice[] =>
  Array.from(
    slices(entries, (entry) => entry),
    (slice) => new EncodedSlice(slice, format),
  )
