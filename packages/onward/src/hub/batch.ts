import { Frame } from "../frame.ts"
import type { Position } from "../message.ts"
import { PART_CHARS, type KeptEntry } from "./kept-entry.ts"

/** What one write carries: a stretch of entries, encoded once for all who get it. */
export interface Part {
  readonly frame: Frame
  /** Position of its last entry. */
  readonly end: Position
}

/**
 * The entries an audience gets in one turn, as a node of a tree: audiences that get the same entries hold the same node,
 * so their bytes are made once, whatever topics they asked for.
 */
export class Batch {
  readonly #last: KeptEntry
  readonly #before: Batch | undefined
  #next: Batch | undefined
  #parts: Part[] | undefined

  constructor(last: KeptEntry, before?: Batch) {
    this.#last = last
    this.#before = before
  }

  get end(): KeptEntry {
    return this.#last
  }

  /** This run and `kept` after it. Entries come in order, so only the newest continuation can be asked for again. */
  with(kept: KeptEntry): Batch {
    if (!this.#next || this.#next.#last !== kept) this.#next = new Batch(kept, this)
    return this.#next
  }

  parts(): readonly Part[] {
    return (this.#parts ??= [...cut(this.entries())])
  }

  entries(): KeptEntry[] {
    const all: KeptEntry[] = []
    for (let run: Batch | undefined = this; run; run = run.#before) all.push(run.#last) // oxlint-disable-line no-this-alias -- walks up
    return all.reverse()
  }
}

/** Joins entries into parts of about {@link PART_CHARS}, each made when it is asked for: a full sink takes few of them. */
export function* cut(entries: readonly KeptEntry[]): Generator<Part> {
  let text = ""
  for (const [i, kept] of entries.entries()) {
    text += kept.text
    if (text.length < PART_CHARS && i < entries.length - 1) continue
    yield { frame: new Frame(text), end: kept.entry.position }
    text = ""
  }
}
