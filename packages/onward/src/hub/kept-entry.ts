import { idOf, type Entry } from "../message.ts"
import { encode } from "../protocol/index.ts"

/** Event-stream text of an entry (WHATWG HTML section 9.2.5). */
const encodeEntry = (entry: Entry): string =>
  encode({ event: entry.event, retry: entry.retry, id: idOf(entry), data: entry.data })

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
