import { OnwardError } from "../errors.ts"
import type { Turns } from "../turns.ts"
import type { Format } from "./format.ts"
import { Cell, type Translation } from "./translation.ts"
import type { SeenEnding, Replica } from "./replica.ts"

/** A frame and the id to resume after it; undefined for a frame that is not in the log. */
export interface Step {
  readonly id: string | undefined
  readonly cell: Cell
}

/** How many deltas a viewer has received, and how many frames of the next one. After the deltas, the end counts as one. */
export interface RunCursor {
  readonly delta: number
  readonly frame: number
}

export const BEGINNING: RunCursor = { delta: 0, frame: 0 }

/** An id is the position of a record, and for a frame that is not its last, the number of frames up to it. */
const ID = /^([^.]+)(?:\.(\d{1,6}))?$/

const idOf = (position: string | undefined, frame: number, count: number): string | undefined =>
  position === undefined || frame === count ? position : `${position}.${frame}`

/**
 * The cursor of an id.
 * @throws OnwardError `invalid_start` for an id that is not from this run
 */
export function cursorOf(replica: Replica, id: string): RunCursor {
  const { opened, deltas, ended } = replica.records
  const [, position, frames] = ID.exec(id) ?? []
  if (position !== undefined) {
    if (position === opened?.position) return BEGINNING
    const at = position === ended?.position ? deltas.length : deltas.indexOf(position)
    if (at >= 0) return frames === undefined ? { delta: at + 1, frame: 0 } : { delta: at, frame: Number(frames) }
  }
  throw new OnwardError("invalid_start", "This id is not from this run. Omit it to start at the beginning.")
}

/** Whether a client at `cursor` has received everything, including the end. */
export const isPastEnd = (replica: Replica, { delta }: RunCursor): boolean =>
  replica.records.ended !== undefined && delta > replica.records.deltas.length

/**
 * Whether nothing follows `from`: the run has ended, and the client has received all frames. In most formats the end is a frame too. A
 * format whose last frame completes the response, such as `response.completed`, needs no other.
 */
export function isOver({ replica, translation, from }: Watched): boolean {
  const { deltas, ended, isDeleted } = replica.records
  if (isDeleted || !ended) return false
  if (isPastEnd(replica, from)) return true
  for (let { delta, frame } = from; delta < deltas.length; delta++, frame = 0) {
    if (translation.frames(delta).length > frame) return false
  }
  return translation.end(ended).length <= (from.delta === deltas.length ? from.frame : 0)
}

/** A run that a viewer may watch, and where it begins. */
export interface Watched {
  readonly replica: Replica
  readonly translation: Translation
  readonly from: RunCursor
}

/** Maximum number of frames that are prepared and merged at a time. */
const MAX_STEPS = 1_000

export interface WatchOptions<T> {
  readonly turns: Turns
  /** Finds the run; called by the first `next`. */
  readonly open: () => Promise<Watched>
  /** Called once at the end, if `open` succeeded. */
  readonly close: (watched: Watched) => void
  /** Whether waiting frames are merged. */
  readonly isMerged: boolean
  readonly signal: AbortSignal | undefined
  /** The item for a frame, and for the end if it has one. */
  readonly frame: (step: Step) => T
  readonly end: (ending: SeenEnding) => T | undefined
}

/**
 * Iterates over the frames of a run from a cursor to its end, at the pace of the viewer: frames that arrived in the meantime are merged.
 * Ends when `signal` is aborted. It is not a generator, because each frame passes here once per viewer.
 */
export class Watch<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: WatchOptions<T>
  #opening: Promise<void> | undefined
  #watched: Watched | undefined
  #cursor: RunCursor = BEGINNING
  /** The next items, from `#at` on. */
  #ready: T[] = []
  #at = 0
  #waiting: PromiseWithResolvers<IteratorResult<T, undefined>>[] = []
  #isLast = false
  #isOver = false
  #unlisten: (() => void) | undefined

  constructor(options: WatchOptions<T>) {
    this.#options = options
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#isOver) return Promise.resolve(DONE)
    if (!this.#watched) return this.#open().then(() => this.next())
    const { turns } = this.#options
    if (this.#mustFill() && turns.isOver) return turns.next().then(() => this.next())
    const waiting = Promise.withResolvers<IteratorResult<T, undefined>>()
    if (this.#waiting.length === 0) this.#waiting = [waiting]
    else this.#waiting.push(waiting)
    this.#look()
    return waiting.promise
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#close()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #open(): Promise<void> {
    this.#opening ??= this.#options.open().then(
      (watched) => {
        this.#watched = watched
        this.#cursor = watched.from
        // the viewer left in the meantime
        if (this.#isOver) return this.#options.close(watched)
        this.#unlisten = watched.replica.listen(this.#look)
        this.#options.signal?.addEventListener("abort", this.#leave)
        if (this.#options.signal?.aborted) this.#close()
      },
      (error: unknown) => {
        this.#isOver = true
        throw error
      },
    )
    return this.#opening
  }

  readonly #leave = (): void => this.#close()

  /** Resolves waiting calls after a change. */
  readonly #look = (): void => {
    try {
      while (this.#waiting.length > 0) {
        const result = this.#take()
        if (!result) return
        this.#waiting.shift()?.resolve(result)
      }
    } catch (error) {
      // the format cannot decode its own frames, which concerns only viewers in this format
      this.#waiting.shift()?.reject(error)
      this.#close()
    }
  }

  #take(): IteratorResult<T, undefined> | undefined {
    // drops prepared frames, but not the end
    if (this.#watched?.replica.records.isDeleted && !this.#isLast) this.#at = this.#ready.length
    if (this.#at === this.#ready.length) this.#fill()
    if (this.#at < this.#ready.length) return { done: false, value: this.#ready[this.#at++] as T }
    if (!this.#isLast) return undefined
    this.#close()
    return DONE
  }

  /** Whether frames have to be prepared for the next item. A viewer that has all frames only waits. */
  #mustFill(): boolean {
    const { replica } = this.#watched as Watched
    return this.#at === this.#ready.length && this.#cursor.delta < replica.count
  }

  #fill(): void {
    if (this.#isLast) return
    const { replica, translation, from } = this.#watched as Watched
    const { frame, end, isMerged } = this.#options
    this.#at = 0
    const steps = replica.records.isDeleted ? [] : this.#steps(replica, translation)
    if (steps.length > 0) {
      this.#ready = (isMerged && steps.length > 1 ? merged(steps, translation.format) : steps).map(frame)
      return
    }
    this.#ready = []
    const { ending } = replica
    if (!ending && !replica.isLeft) return
    this.#isLast = true
    // viewers are disconnected, so that they reconnect to another process
    if (!ending) return
    const { delta, frame: seen } = this.#cursor
    const isAtEnd = delta === replica.records.deltas.length
    const last = isPastEnd(replica, from) ? [] : terminal(ending, translation, isAtEnd ? seen : 0)
    this.#ready = last.map(frame)
    const told = end(ending)
    if (told !== undefined) this.#ready.push(told)
  }

  #steps(replica: Replica, translation: Translation): Step[] {
    let steps: Step[] = []
    let { delta, frame } = this.#cursor
    for (const count = replica.count; delta < count; delta++, frame = 0) {
      const frames = translation.frames(delta)
      const position = replica.positionOf(delta)
      for (; frame < frames.length && steps.length < MAX_STEPS; frame++) {
        const step = { id: idOf(position, frame + 1, frames.length), cell: frames[frame] as Cell }
        // almost always the only one, and the first `push` to an empty list makes room for 17
        if (steps.length === 0) steps = [step]
        else steps.push(step)
      }
      if (frame < frames.length) break
    }
    if (steps.length > 0) this.#cursor = { delta, frame }
    return steps
  }

  #close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#unlisten?.()
    this.#options.signal?.removeEventListener("abort", this.#leave)
    for (const { resolve } of this.#waiting.splice(0)) resolve(DONE)
    if (this.#watched) this.#options.close(this.#watched)
  }
}

const DONE: IteratorResult<never, undefined> = { done: true, value: undefined }

function terminal(ending: SeenEnding, translation: Translation, seen: number): Step[] {
  const { position } = ending
  const frames = translation.end(ending)
  return frames.map((cell, at) => ({ id: idOf(position, at + 1, frames.length), cell })).slice(seen)
}

/** Merges neighbours where the format allows it. Frames with and without an id stay separate, or resuming would repeat text. */
function merged(steps: readonly Step[], format: Format): Step[] {
  const all: Step[] = []
  for (const step of steps) {
    const last = all.at(-1)
    const both =
      last && (last.id === undefined) === (step.id === undefined)
        ? format.merge(last.cell.frame, step.cell.frame)
        : undefined
    if (both === undefined) all.push(step)
    else all[all.length - 1] = { id: step.id, cell: new Cell(format, both) }
  }
  return all
}
