import { idOf, type Entry } from "../message.ts"
import { encode } from "../protocol/index.ts"
import type { UnfiledEntry } from "./filing.ts"

/**
 * Event-stream text of an entry (WHATWG HTML section 9.2.5). A checkpoint follows an id that an older entry has, because a client that
 * resumes after that id would continue after the older one.
 */
function encodeEntry(entry: UnfiledEntry): string {
  const text = encode({ event: entry.event, retry: entry.retry, id: idOf(entry), data: entry.data })
  return entry.repeatsId ? text + encode({ id: entry.position }) : text
}

/** How many characters of text entries hold together. */
export interface TextCount {
  chars: number
}

/** An entry with its text, which is encoded once: live streams and streams that resume send the same text. */
export class KeptEntry {
  readonly entry: Entry
  #text: string | undefined
  #count: TextCount | undefined

  /** @param count where its text is counted, as long as it is in the window */
  constructor(entry: Entry, count?: TextCount) {
    this.entry = entry
    this.#count = count
  }

  get text(): string {
    if (this.#text === undefined) {
      this.#text = encodeEntry(this.entry)
      if (this.#count) this.#count.chars += this.#text.length
    }
    return this.#text
  }

  /** Frees the text. It is encoded again when it is needed again. */
  forgetText(): void {
    if (this.#count && this.#text !== undefined) this.#count.chars -= this.#text.length
    this.#text = undefined
  }

  /** The window keeps it no longer. A batch may still send it. */
  leaveWindow(): void {
    if (this.#count && this.#text !== undefined) this.#count.chars -= this.#text.length
    this.#count = undefined
  }
}

/** Characters of an entry's text besides its data, about. */
const FRAMING_CHARS = 64

/** Characters of text in one write: as many as a Node socket buffers before it reports being full. */
export const PART_CHARS = 65_536

/** About how many characters the text of an entry has; it need not be encoded for that. */
export const sizeOf = ({ entry }: KeptEntry): number => entry.data.length + FRAMING_CHARS

/** Cuts entries into slices of about {@link PART_CHARS} of text, at least one entry each. */
export function* slices(entries: readonly KeptEntry[]): Generator<readonly KeptEntry[]> {
  let from = 0
  let size = 0
  for (let i = 0; i < entries.length; i++) {
    size += sizeOf(entries[i] as KeptEntry)
    if (size < PART_CHARS && i < entries.length - 1) continue
    yield entries.slice(from, i + 1)
    from = i + 1
    size = 0
  }
}
