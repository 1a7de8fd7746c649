import { idOf, type Entry } from "../message.ts"
import { encodeBlock } from "../protocol/index.ts"
import { outerName, type UnfiledEntry } from "./filing.ts"

/**
 * Event-stream text of an entry (WHATWG HTML section 9.2.5). A checkpoint follows an id that an older entry has, because a client that
 * resumes after that id would continue after the older one.
 */
export function encodeEntry(entry: UnfiledEntry, format: TextFormat): string {
  const topic = format === "topic" ? shownTopic(entry) : undefined
  const text = encodeBlock({ event: entry.event, topic, retry: entry.retry, id: idOf(entry), data: entry.data })
  return entry.repeatsId ? text + encodeBlock({ id: entry.position }) : text
}

/** An entry with alternate topics does not name them: its client may know only one. */
const shownTopic = ({ topic, also }: Entry): string | undefined => (also ? undefined : outerName(topic))

/** How many characters of text entries hold together. */
export interface TextCount {
  chars: number
}

/** `plain`, or `topic` for clients that asked for the topic of each event. */
export type TextFormat = "plain" | "topic"

/** An entry with its text, which is encoded once in each format: live streams and streams that resume send the same text. */
export class KeptEntry {
  readonly entry: Entry
  #text: string | undefined
  #topicText: string | undefined
  #count: TextCount | undefined

  /** @param count where its text is counted, as long as it is in the window */
  constructor(entry: Entry, count?: TextCount) {
    this.entry = entry
    this.#count = count
  }

  get text(): string {
    return this.textIn("plain")
  }

  textIn(format: TextFormat): string {
    return format === "plain" ? (this.#text ??= this.#encode(format)) : (this.#topicText ??= this.#encode(format))
  }

  /** As `textIn`, but a text that is not there yet is not kept: a replay is encoded once for all streams that read the same. */
  textForReplay(format: TextFormat): string {
    return (format === "plain" ? this.#text : this.#topicText) ?? encodeEntry(this.entry, format)
  }

  #encode(format: TextFormat): string {
    const text = encodeEntry(this.entry, format)
    if (this.#count) this.#count.chars += text.length
    return text
  }

  /** Frees the text. It is encoded again when it is needed again. */
  forgetText(): void {
    this.#uncount()
    this.#text = this.#topicText = undefined
  }

  /** The window keeps it no longer. A batch may still send it. */
  leaveWindow(): void {
    this.#uncount()
    this.#count = undefined
  }

  #uncount(): void {
    if (this.#count) this.#count.chars -= (this.#text?.length ?? 0) + (this.#topicText?.length ?? 0)
  }
}

/** Characters of an entry's text besides its data, about. */
const FRAMING_CHARS = 64

/** Characters of text in one write: as many as a Node socket buffers before it reports being full. */
export const PART_CHARS = 65_536

/** About how many characters the text of an entry has; it need not be encoded for that. */
export const sizeOf = ({ data }: Entry): number => data.length + FRAMING_CHARS

/** Cuts entries into slices of about {@link PART_CHARS} of text, at least one entry each. */
export function* slices(entries: readonly KeptEntry[]): Generator<readonly KeptEntry[]> {
  let from = 0
  let size = 0
  for (const [i, { entry }] of entries.entries()) {
    size += sizeOf(entry)
    if (size < PART_CHARS && i < entries.length - 1) continue
    yield entries.slice(from, i + 1)
    from = i + 1
    size = 0
  }
}
