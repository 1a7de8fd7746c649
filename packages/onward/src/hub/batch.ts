import { Frame } from "../frame.ts"
import type { Position } from "../message.ts"
import { PART_CHARS, type KeptEntry, type TextFormat } from "./kept-entry.ts"

/** The content of one write: consecutive entries, encoded once for all connections that receive them. */
export interface Part {
  readonly frame: Frame
  /** Position of its last entry. */
  readonly end: Position
  /** How many entries it has. */
  readonly count: number
}

/**
 * The entries an audience receives in one turn, as a node of a tree. Audiences that receive the same entries hold the same node, so
 * their bytes are made once, although their topics differ.
 */
export class Batch {
  readonly #last: KeptEntry
  readonly #before: Batch | undefined
  #next: Batch | undefined
  #plain: Part[] | undefined
  #withTopic: Part[] | undefined

  constructor(last: KeptEntry, before?: Batch) {
    this.#last = last
    this.#before = before
  }

  get end(): KeptEntry {
    return this.#last
  }

  /** This batch and `kept` after it. Entries arrive in order, so only the newest continuation can be needed again. */
  with(kept: KeptEntry): Batch {
    if (!this.#next || this.#next.#last !== kept) this.#next = new Batch(kept, this)
    return this.#next
  }

  parts(format: TextFormat): readonly Part[] {
    return format === "plain"
      ? (this.#plain ??= [...cut(this.entries(), format)])
      : (this.#withTopic ??= [...cut(this.entries(), format)])
  }

  entries(): KeptEntry[] {
    const all: KeptEntry[] = []
    for (let batch: Batch | undefined = this; batch; batch = batch.#before) all.push(batch.#last) // oxlint-disable-line no-this-alias -- walks up
    return all.reverse()
  }
}

/** Joins entries into parts of about {@link PART_CHARS}. A part is made when it is needed, because a full sink takes few of them. */
export function* cut(entries: readonly KeptEntry[], format: TextFormat): Generator<Part> {
  let text = ""
  let count = 0
  for (const [i, kept] of entries.entries()) {
    text += kept.textIn(format)
    count++
    if (text.length < PART_CHARS && i < entries.length - 1) continue
    yield { frame: new Frame(text), end: kept.entry.position, count }
    text = ""
    count = 0
  }
}
