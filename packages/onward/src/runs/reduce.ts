import type { Entry, Position } from "../message.ts"
import { Deltas } from "./deltas.ts"
import { recordOf, type EndRecord } from "./record.ts"

/** The state of a run according to its records. */
export interface RunRecords {
  readonly opened: Opened | undefined
  readonly deltas: Pick<Deltas, "length" | "end" | "frames" | "positionOf" | "indexOf">
  readonly ended: Ended | undefined
  /** Viewers in processes other than the producer's. */
  readonly elsewhere: { readonly viewers: number; readonly resumes: number }
  /** Whether records count: the log has the run's `open` record. */
  readonly isOpen: boolean
  /** The number of the newest record that has counted. */
  readonly n: number
  /** Whether the run was deleted: its frames are no longer in memory. */
  readonly isDeleted: boolean
}

export interface Opened {
  readonly by: string
  readonly format: string
  readonly position: Position
  /** When the log stored it, in ms since 1970. */
  readonly time: number
}

export interface Ended extends EndRecord {
  readonly position: Position
  /** When the log stored it, in ms since 1970. */
  readonly time: number
}

export interface RunReducer extends RunRecords {
  /** Takes the next entry of the topic. True if its record counts. */
  take(entry: Entry): boolean
  /** The log was recreated. As for readers of the new log, no record counts until the producer has opened the run again. */
  reopen(): void
}

/**
 * Makes the state that all processes agree on, because they read the same records in the same order. The first `open` wins; deltas and
 * beats count only with the winner's name, each once; the first `end` wins, and only `delete` counts after it. So a second start becomes a
 * viewer, frames of a producer that was marked as lost are ignored, and a stop that races the end has one outcome, without a lock.
 */
export function createReducer(): RunReducer {
  const deltas = new Deltas()
  let opened: Opened | undefined
  let ended: Ended | undefined
  let isDeleted = false
  let isOpen = false
  let elsewhere = { viewers: 0, resumes: 0 }
  let n = 0

  return {
    get opened() {
      return opened
    },
    get ended() {
      return ended
    },
    get elsewhere() {
      return elsewhere
    },
    get isOpen() {
      return isOpen
    },
    get n() {
      return n
    },
    get isDeleted() {
      return isDeleted
    },
    deltas,
    reopen() {
      isOpen = false
    },
    take(entry) {
      const { position, time, data } = entry
      const record = recordOf(entry)
      if (!record || isDeleted) return false
      if (record.type === "delete") {
        if (!isOpen) return false
        isDeleted = true
        deltas.clear()
        ended ??= { type: "end", mark: record.mark, status: "stopped", position, time }
        return true
      }
      if (ended) return false
      if (record.type === "open") {
        if (isOpen || (opened && record.by !== opened.by)) return false
        isOpen = true
        opened ??= { by: record.by, format: record.format, position, time }
        return true
      }
      if (!isOpen || !opened) return false
      if (record.type === "seen") {
        elsewhere = { viewers: elsewhere.viewers + record.viewers, resumes: elsewhere.resumes + record.resumes }
        // says nothing about the producer
        return false
      }
      if (record.type === "end") {
        if (record.by !== undefined && record.by !== opened.by) return false
        ended = { ...record, position, time }
        return true
      }
      // a record that was retried after a lost response has the same number
      if (record.by !== opened.by || record.n <= n) return false
      n = record.n
      if (record.type === "delta") deltas.add(position, data, record.frames)
      return true
    },
  }
}
