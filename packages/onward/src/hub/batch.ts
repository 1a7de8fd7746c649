import { Frame } from "../frame.ts"
import { idOf, type Entry, type Position } from "../message.ts"
import { encode } from "../protocol/index.ts"

/** What one write carries: a stretch of entries, encoded once for all who get it. */
export interface Part {
  readonly frame: Frame
  /** Position of its last entry. */
  readonly end: Position
}

/** Characters after which a write is cut: as much as a Node socket buffers before it reports being full. */
export const PART_CHARS = 65_536

/** Event-stream text of an entry (WHATWG HTML section 9.2.5). */
export const encodeEntry = (entry: Entry): string =>
  encode({ event: entry.event, retry: entry.retry, id: idOf(entry), data: entry.data })

/** An entry of this turn, its text made when the first run with it is cut into parts. */
export interface FreshEntry {
  readonly entry: Entry
  text: string | undefined
}

/**
 * The entries an audience gets in one turn, as a node of a tree: audiences that get the same entries hold the same node,
 * so their bytes are made once, whatever topics they asked for.
 */
export class Batch {
  readonly #last: FreshEntry
  readonly #before: Batch | undefined
  #next: Batch | undefined
  #parts: Part[] | undefined

  constructor(last: FreshEntry, before?: Batch) {
    this.#last = last
    this.#before = before
  }

  get end(): Entry {
    return this.#last.entry
  }

  /** This run and `fresh` after it. Entries come in order, so only the newest continuation can be asked for again. */
  with(fresh: FreshEntry): Batch {
    if (!this.#next || this.#next.#last !== fresh) this.#next = new Batch(fresh, this)
    return this.#next
  }

  entries(): Entry[] {
    return this.#all().map(({ entry }) => entry)
  }

  parts(): readonly Part[] {
    return (this.#parts ??= [...cut(this.#all())])
  }

  #all(): FreshEntry[] {
    const all: FreshEntry[] = []
    for (let run: Batch | undefined = this; run; run = run.#before) all.push(run.#last) // oxlint-disable-line no-this-alias -- walks up
    return all.reverse()
  }
}

/** Joins entries into parts of about {@link PART_CHARS}, each made when it is asked for: a full sink takes few of them. */
export function* cut(entries: readonly FreshEntry[]): Generator<Part> {
  let text = ""
  for (const [i, fresh] of entries.entries()) {
    text += fresh.text ??= encodeEntry(fresh.entry)
    if (text.length < PART_CHARS && i < entries.length - 1) continue
    yield { frame: new Frame(text), end: fresh.entry.position }
    text = ""
  }
}
