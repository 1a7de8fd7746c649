import type { Turns } from "../turns.ts"
import type { Ending, FrameReader, Format, FormatMessage, RunInfo } from "./format.ts"
import { wireOf } from "./record.ts"
import type { Replica } from "./replica.ts"

/**
 * A frame, and what it is on the wire, which is made once for all who watch. What came from the log is kept as it was there and read
 * again by who merges: a frame that is an object takes many times the memory of its text.
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

/** A run in one format, made once for all who watch it so here. */
export interface Translation {
  readonly format: Format
  /** The frames of one delta, in this format. */
  frames(index: number): readonly Cell[]
  /** What comes after the last delta. */
  end(ending: Ending): readonly Cell[]
}

/** A run in the format it was written in, or, part by part, in another. */
export function translate(replica: Replica, native: Format, format: Format): Translation {
  return format.name === native.name ? asWritten(replica, native) : translated(replica, native, format)
}

/** Frames as the log has them. Nothing is made of them before they are asked for, and nothing is kept. */
function asWritten(replica: Replica, format: Format): Translation {
  let last: readonly Cell[] | undefined

  /** What has followed all frames: the producer's, if it is here and its end is the one that counts, else one that reads them all. */
  function followed(): FrameReader<unknown> {
    const { opened, ended } = replica.records
    if (replica.reader && ended?.by !== undefined && ended.by === opened?.by) return replica.reader
    const follower = format.reader()
    for (let index = 0; index < replica.count; index++) {
      for (const kept of replica.delta(index).frames) {
        const frame = format.decode(wireOf(kept))
        if (frame !== undefined) follower.take(frame)
      }
    }
    return follower
  }

  return {
    format,
    frames: (index) => replica.delta(index).frames.map((kept) => new Cell(format, undefined, wireOf(kept))),
    end(given) {
      const ending = told(given)
      if (replica.records.isDeleted)
        return format
          .reader()
          .end(ending)
          .map((frame) => new Cell(format, frame))
      last ??= followed()
        .end(ending)
        .map((frame) => new Cell(format, frame))
      return last
    },
  }
}

function translated(replica: Replica, native: Format, format: Format): Translation {
  const follower = native.reader()
  const done: (readonly Cell[])[] = []
  const info: RunInfo = { id: replica.id, time: replica.records.opened?.time ?? 0 }
  const write = format.writer(info)
  let hasEnded = false
  let last: readonly Cell[] | undefined
  const cellOf = (frame: unknown): Cell => new Cell(format, frame)

  function next(index: number): Cell[] {
    const frames: Cell[] = []
    for (const kept of replica.delta(index).frames) {
      const frame = native.decode(wireOf(kept))
      if (frame === undefined) continue
      for (const part of follower.take(frame)) {
        // a good end that another answer may follow
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
        // by a writer that has seen nothing: the other may be at an end that not all viewers have seen, and knows what is not to be told
        return format.writer(info)({ type: "end", ending }).map(cellOf)
      }
      // a client that resumes at the end has looked at no delta, but how to end depends on all
      if (replica.count > 0) frames(replica.count - 1)
      last ??= (hasEnded ? [] : write({ type: "end", ending })).map(cellOf)
      return last
    },
  }
}

/** An end record holds more, which is not for viewers. */
const told = ({ status, error }: Ending): Ending => ({ status, ...(error && { error }) })

/** Makes all frames that there are so far: of a long run in as many turns as it takes. */
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
