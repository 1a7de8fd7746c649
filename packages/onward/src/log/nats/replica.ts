import type { StoredMessage } from "../../message.ts"
import { createKeptEntries, type KeptEntries, type Summary } from "../driver/kept-entries.ts"
import type { Appended } from "../log.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import { limitsOf } from "../driver/retention.ts"
import {
  decodeBatch,
  decodeForget,
  decodeJson,
  isTime,
  join,
  readPart,
  type Batch,
  type Settings,
  type StreamRecord,
} from "./record.ts"

/** Maximum number of writers whose newest batch number is remembered, to detect repeated batches. The oldest is forgotten first. */
const MAX_WRITERS = 1000
/** Requests to forget whose result is remembered. */
const MAX_REMOVED = 1000
/** Approximate size of a message in the stream besides its data, in bytes. */
const OVERHEAD = 64
/** A batch in parts is dropped if it is incomplete after this number of messages of the stream. */
const MAX_DISTANCE = 10_000

/** The state of a replica, for a snapshot. */
export interface ReplicaState extends Summary {
  readonly epoch: string
  readonly settings: Settings
  readonly writers: readonly (readonly [writer: string, number: number])[]
  /** The sequence number in the stream of the newest applied record. */
  readonly at: number
}

/** The record that completes a snapshot. */
export interface SnapshotIndex {
  /** The sequence number in the stream of the newest record that the snapshot contains. */
  readonly at: number
  /** The sequence numbers in the stream of its chunks. */
  readonly chunks: readonly number[]
  /** True when the earlier records are lost and the snapshot recreates the log. */
  readonly isInitial?: boolean
}

/**
 * The state of the log, computed from the records of the stream. Every process applies the same records in the same order, without
 * its own clock or random numbers. So all processes have the same entries, positions, repeats and losses, without locks.
 */
export class Replica {
  readonly kept: KeptEntries = createKeptEntries("", limitsOf({}))
  /** The sequence number in the stream of the newest applied record. */
  at = 0
  /** When the server stored it, in milliseconds since 1970 by its clock. */
  time = 0
  /** Undefined before the first settings record. */
  settings: Settings | undefined
  /** The sequence number in the stream of the snapshot that this replica was restored from. */
  base = 0
  /** True when another process has recreated the log: a new replica is needed. */
  isOver = false
  /** The size of the stream since its newest snapshot, in bytes. */
  written = 0
  readonly #writers = new Map<string, number>()
  readonly #parts = new Map<string, { number: number; since: number; pieces: Uint8Array[] }>()
  readonly #removed = new Map<number, number>()
  readonly #onBatch: (writer: string, number: number, appended: readonly Appended[]) => void

  constructor(onBatch: (writer: string, number: number, appended: readonly Appended[]) => void) {
    this.#onBatch = onBatch
  }

  /** True while a batch is incomplete. A snapshot cannot contain it. */
  get isBetweenParts(): boolean {
    return this.#parts.size > 0
  }

  /** Applies the next record. A record that cannot be decoded was not written by a log; every process ignores it. */
  apply(record: StreamRecord): void {
    this.at = record.sequence
    this.time = record.time
    this.written += record.data.length + OVERHEAD
    for (const [writer, { since }] of this.#parts) {
      if (record.sequence - since > MAX_DISTANCE) this.#parts.delete(writer)
    }
    try {
      this.#take(record)
    } catch {
      // not written by a log
    }
  }

  #take({ kind, data, sequence, time }: StreamRecord): void {
    if (kind === "batch") this.#append(decodeBatch(data), time)
    else if (kind === "part") this.#collect(data, sequence, time)
    else if (kind === "settings") this.#adopt(decodeJson(data) as Settings)
    else if (kind === "epoch") this.kept.setEpoch(checked((decodeJson(data) as { epoch: string }).epoch))
    else if (kind === "tick") this.#tick((decodeJson(data) as { time?: unknown }).time, time)
    else if (kind === "forget") this.#forget(data, sequence)
    else if (kind === "snapshot") this.#noteSnapshot(decodeJson(data) as SnapshotIndex, sequence)
  }

  #forget(data: Uint8Array, sequence: number): void {
    const { topics, epoch, upTo, most } = decodeForget(data)
    const isKnown = epoch === this.kept.epoch && upTo <= this.kept.last
    this.#removed.set(sequence, isKnown ? this.kept.forget(topics, upTo, most) : 0)
    if (this.#removed.size > MAX_REMOVED) this.#removed.delete(this.#removed.keys().next().value as number)
  }

  /** How many entries the record at this place in the stream removed; undefined when it is not known. */
  removedBy(sequence: number): number | undefined {
    return this.#removed.get(sequence)
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

  #noteSnapshot({ at, isInitial }: SnapshotIndex, sequence: number): void {
    if (typeof at !== "number") return
    this.written = 0
    if (isInitial && sequence > this.base) this.isOver = true
  }

  #append({ writer, number, calls, time }: Batch, stored: number): void {
    // a repeated batch, sent again because the first response did not arrive; or a late one that its writer has abandoned
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
    // a repeated part, or the first part was dropped
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

  /** Restores a state from a snapshot. Must be called on a new replica. */
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

/** Returns the epoch if positions can be written with it. Throws otherwise. */
function checked(epoch: string): string {
  if (parsePosition(formatPosition(epoch, 0))) return epoch
  throw new TypeError("not an epoch")
}
