import type { Turns } from "../turns.ts"
import type { Ending, FrameReader, Format, FormatMessage, RunInfo } from "./format.ts"
import { wireOf } from "./record.ts"
import type { Replica } from "./replica.ts"

/**
 * A frame and its SSE message, which is made once for all viewers. A frame from the log stays text, and is decoded again to be merged,
 * because an object takes many times the memory of its text.
 */
export class Cell {
  readonly #format: Format
  readonly #frame: unknown
  #message: FormatMessage | undefined

  constructor(format: Format, frame: unknown, message?: FormatMessage) {
    this.#format = format
    this.#frame = frame
    this.#message = message
  }

  get frame(): unknown {
    return this.#frame ?? this.#format.decode(this.message)
  }

  get message(): FormatMessage {
    return (this.#message ??= this.#format.encode(this.#frame))
  }
}

/** A run in one format, made once for all viewers of this process. */
export interface Translation {
  readonly format: Format
  /** The frames of one delta, in this format. */
  frames(index: number): readonly Cell[]
  /** The frames after the last delta. */
  end(ending: Ending): readonly Cell[]
}

/** A run in its own format, or translated into another one by parts. */
export function translate(replica: Replica, native: Format, format: Format): Translation {
  return format.name === native.name ? asWritten(replica, native) : translated(replica, native, format)
}

/** Frames as the log stores them. They are made when requested, and not kept. */
function asWritten(replica: Replica, format: Format): Translation {
  let last: readonly Cell[] | undefined

  /** A reader that has read all frames: the producer's, if it wrote the end in this process, else a new one. */
  function readAll(): FrameReader<unknown> {
    const { opened, ended } = replica.records
    if (replica.reader && ended?.by !== undefined && ended.by === opened?.by) return replica.reader
    const reader = format.reader()
    for (let index = 0; index < replica.count; index++) {
      for (const kept of replica.frames(index)) {
        const frame = format.decode(wireOf(kept))
        if (frame !== undefined) reader.take(frame)
      }
    }
    return reader
  }

  return {
    format,
    frames: (index) => replica.frames(index).map((kept) => new Cell(format, undefined, wireOf(kept))),
    end(given) {
      const ending = told(given)
      if (replica.records.isDeleted)
        return format
          .reader()
          .end(ending)
          .map((frame) => new Cell(format, frame))
      last ??= readAll()
        .end(ending)
        .map((frame) => new Cell(format, frame))
      return last
    },
  }
}

function translated(replica: Replica, native: Format, format: Format): Translation {
  const reader = native.reader()
  const done: (readonly Cell[])[] = []
  const info: RunInfo = { id: replica.id, time: replica.records.opened?.time ?? 0 }
  const write = format.writer(info)
  let hasEnded = false
  let last: readonly Cell[] | undefined
  const cellOf = (frame: unknown): Cell => new Cell(format, frame)

  function next(index: number): Cell[] {
    const frames: Cell[] = []
    for (const kept of replica.frames(index)) {
      const frame = native.decode(wireOf(kept))
      if (frame === undefined) continue
      for (const part of reader.take(frame)) {
        // a completed response that another one may follow
        if (part.type === "end" && native.isSequence) continue
        hasEnded ||= part.type === "end"
        frames.push(...write(part).map(cellOf))
      }
    }
    return frames
  }

  function frames(index: number): readonly Cell[] {
    while (done.length <= index) done.push(next(done.length))
    return done[index] as readonly Cell[]
  }

  return {
    format,
    frames,
    end(given) {
      const ending = told(given)
      if (replica.records.isDeleted) {
        done.length = 0
        // by a new writer: the other one may have written an end that not all viewers have seen, and knows deleted text
        return format.writer(info)({ type: "end", ending }).map(cellOf)
      }
      // a client that resumes at the end has read no delta, but the end depends on all of them
      if (replica.count > 0) frames(replica.count - 1)
      last ??= (hasEnded ? [] : write({ type: "end", ending })).map(cellOf)
      return last
    },
  }
}

/** The part of an end record that viewers may see. */
const told = ({ status, error }: Ending): Ending => ({ status, ...(error && { error }) })

/** Makes all frames up to now; those of a long run in several turns of the event loop. */
export async function prepareTranslation(
  translation: Translation,
  replica: Replica,
  turns: Turns,
): Promise<Translation> {
  for (let index = 0; index < replica.count; index++) {
    if (turns.isOver) await turns.next()
    translation.frames(index)
  }
  return translation
}
