import { Frame } from "../../src/frame.ts"
import type { Sink, SinkOwner } from "../../src/sink.ts"
import { checkBlocks } from "../check-blocks.ts"

/** One block of a stream as a reader sees it; a comment is a block of its own. */
export interface Block {
  readonly event?: string
  readonly id?: string
  readonly retry?: string
  readonly data?: string
  readonly comment?: string
}

/** A connection whose client keeps everything it got, and reads as fast or as slowly as a test says. */
export class Recorder implements Sink {
  owner: SinkOwner | undefined
  readonly frames: Frame[] = []
  /** How the server ended the stream, when it has. */
  closed: "ended" | "aborted" | undefined
  /** How many more characters fit before it is full. */
  room = Infinity
  #text = ""

  write(frame: Frame): boolean {
    this.frames.push(frame)
    this.#text += frame.text
    this.room -= frame.text.length
    return this.room > 0
  }

  writeText(text: string): boolean {
    return this.write(new Frame(text))
  }

  close(options?: { readonly abort?: boolean }): void {
    this.closed ??= options?.abort ? "aborted" : "ended"
  }

  /** The client takes what there was, and has room for `room` characters more. */
  drain(room = Infinity): void {
    this.room = room
    this.owner?.onDrain()
  }

  /** The client goes. */
  leave(): void {
    this.owner?.onClose()
  }

  /** Everything received so far. */
  get blocks(): Block[] {
    return blocksOf(this.#text)
  }

  /** Received events, without comments and checkpoints. */
  get events(): Block[] {
    return this.blocks.filter(({ data, event }) => data !== undefined && event !== "stream.checkpoint")
  }

  /** Data of received events that are not Onward's own. */
  get data(): string[] {
    return this.events.filter(({ event }) => !event?.startsWith("stream.")).map(({ data }) => data ?? "")
  }

  /** What the gap events said. */
  get gaps(): unknown[] {
    return this.events
      .filter(({ event }) => event === "stream.gap")
      .map(({ data }) => JSON.parse(data ?? "") as unknown)
  }

  /** Where a browser would resume. */
  get lastEventId(): string | undefined {
    return this.blocks.findLast(({ id }) => id !== undefined)?.id
  }
}

/** Reads a stream made of whole blocks. Throws for a block without data. */
export function blocksOf(text: string): Block[] {
  checkBlocks(text)
  const blocks: Block[] = []
  let block: Record<string, string> | undefined
  for (const line of text.split("\n")) {
    if (line === "") {
      if (block) blocks.push(block)
      block = undefined
    } else if (line.startsWith(":")) blocks.push({ comment: line.slice(2) })
    else {
      block ??= {}
      const [, name = "", value = ""] = /^([a-z]+): (.*)$/s.exec(line) ?? []
      block[name] = block[name] === undefined ? value : `${block[name]}\n${value}`
    }
  }
  return blocks
}
