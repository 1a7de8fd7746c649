import type { StoredMessage } from "../../message.ts"
import { createKeptEntries, type KeptEntries, type Summary } from "../driver/kept-entries.ts"
import type { Appended } from "../log.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import { limitsOf } from "../driver/retention.ts"
import {
  decodeBatch,
  decodeJson,
  isTime,
  join,
  readPart,
  type Batch,
  type Settings,
  type StreamRecord,
} from "./record.ts"

/** Writers whose newest batch is remembered; who was silent for so many others will not repeat one. */
const MAX_WRITERS = 1000
/** What a message takes in the stream besides its data, in bytes, roughly. */
const OVERHEAD = 64
/** A batch in parts is given up when its end has not come after so many messages of the stream. */
const MAX_WAIT = 10_000

/** A state of a replica, to be written down. */
export interface ReplicaState extends Summary {
  readonly epoch: string
  readonly settings: Settings
  readonly writers: readonly (readonly [writer: string, number: number])[]
  /** The stream's sequence it is the state after. */
  readonly at: number
}

/** What makes a snapshot count. */
export interface SnapshotIndex {
  /** The sequence in the stream that it is the state after. */
  readonly at: number
  /** Where in the stream its bytes are. */
  readonly chunks: readonly number[]
  /** True when it does not sum up what came before, which is lost, but begins the log anew. */
  readonly isBirth?: boolean
}

/**
 * The log as the order of the stream decides it. Every process folds the same records in the same order, with no clock and
 * no chance of its own, and so comes to the same entries, positions, repeats and losses: nobody needs to lock anything, and a
 * batch needs no answer from anybody but the stream.
 */
export class Replica {
  readonly kept: KeptEntries = createKeptEntries("", limitsOf({}))
  /** The newest record's sequence in the stream. */
  at = 0
  /** When the server stored it, in milliseconds since 1970 by its clock. */
  time = 0
  /** Undefined before the log has begun. */
  settings: Settings | undefined
  /** Where in the stream the snapshot lies that it went on from. */
  base = 0
  /** True when the log was begun anew behind our back: a new replica is needed. */
  isOver = false
  /** Bytes that the stream took since its newest snapshot. */
  written = 0
  readonly #writers = new Map<string, number>()
  readonly #parts = new Map<string, { number: number; since: number; pieces: Uint8Array[] }>()
  readonly #onBatch: (writer: string, number: number, appended: readonly Appended[]) => void

  constructor(onBatch: (writer: string, number: number, appended: readonly Appended[]) => void) {
    this.#onBatch = onBatch
  }

  /** True while a batch has come in part, which a snapshot cannot hold. */
  get isBetweenParts(): boolean {
    return this.#parts.size > 0
  }

  /** Takes the next record. What cannot be read was not written by a log: every process passes over it. */
  apply(record: StreamRecord): void {
    this.at = record.sequence
    this.time = record.time
    this.written += record.data.length + OVERHEAD
    for (const [writer, { since }] of this.#parts) {
      if (record.sequence - since > MAX_WAIT) this.#parts.delete(writer)
    }
    try {
      this.#take(record)
    } catch {
      // a stranger's
    }
  }

  #take({ kind, data, sequence, time }: StreamRecord): void {
    if (kind === "batch") this.#append(decodeBatch(data), time)
    else if (kind === "part") this.#collect(data, sequence, time)
    else if (kind === "settings") this.#adopt(decodeJson(data) as Settings)
    else if (kind === "epoch") this.kept.setEpoch(checked((decodeJson(data) as { epoch: string }).epoch))
    else if (kind === "tick") this.#tick((decodeJson(data) as { time?: unknown }).time, time)
    else if (kind === "snapshot") this.#pass(decodeJson(data) as SnapshotIndex, sequence)
  }

  #tick(time: unknown, stored: number): void {
    if (isTime(time)) this.kept.expire(this.#present(time ?? stored))
  }

  #present(time: number): number {
    return Math.max(this.kept.time, time)
  }

  #adopt({ epoch, retention }: Settings): void {
    const limits = limitsOf(retention)
    if (!this.settings) this.kept.setEpoch(checked(epoch))
    this.settings = { epoch: this.kept.epoch, retention }
    this.kept.setLimits(limits)
  }

  #pass({ at, isBirth }: SnapshotIndex, sequence: number): void {
    if (typeof at !== "number") return
    this.written = 0
    if (isBirth && sequence > this.base) this.isOver = true
  }

  #append({ writer, number, calls, time }: Batch, stored: number): void {
    // sent twice because the first answer did not come; the same for a late one that its writer has given up
    if (!this.settings || number <= (this.#writers.get(writer) ?? 0)) return
    this.#writers.delete(writer)
    this.#writers.set(writer, number)
    if (this.#writers.size > MAX_WRITERS) this.#writers.delete(this.#writers.keys().next().value as string)
    this.#parts.delete(writer)
    const present = this.#present(time ?? stored)
    this.kept.expire(present)
    const appended = calls.map((messages) => this.kept.append(messages, present))
    this.#onBatch(writer, number, appended)
  }

  #collect(data: Uint8Array, sequence: number, time: number): void {
    const { part, body } = readPart(data)
    let open = this.#parts.get(part.writer)
    if (part.index === 0 && open?.number !== part.number) {
      open = { number: part.number, since: sequence, pieces: [] }
      this.#parts.set(part.writer, open)
    }
    // sent twice, or the beginning was given up
    if (!open || open.number !== part.number || open.pieces.length !== part.index) return
    open.pieces.push(body)
    if (open.pieces.length < part.count) return
    this.#parts.delete(part.writer)
    this.#append(decodeBatch(join(open.pieces)), time)
  }

  state(): ReplicaState | undefined {
    if (!this.settings || this.isBetweenParts) return undefined
    const { kept, settings, at } = this
    return { ...kept.summary(), epoch: kept.epoch, settings, writers: [...this.#writers], at }
  }

  /** Goes on from a state that was written down; must be new. */
  restore(
    state: ReplicaState,
    entries: Iterable<readonly [sequence: number, time: number, message: StoredMessage]>,
  ): void {
    this.#adopt(state.settings)
    this.kept.setEpoch(state.epoch)
    this.kept.restore(state, entries)
    for (const [writer, number] of state.writers) this.#writers.set(writer, number)
    this.at = state.at
  }
}

/** An epoch that positions can be written with; throws when it is none. */
function checked(epoch: string): string {
  if (parsePosition(formatPosition(epoch, 0))) return epoch
  throw new TypeError("no epoch")
}
