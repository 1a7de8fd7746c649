import type { Entry, Position } from "../message.ts"
import { recordOf, type EndRecord, type KeptFrame, type RunRecord } from "./record.ts"

/** A run as its records tell it. */
export interface RunRecords {
  readonly opened: Opened | undefined
  /** What the producer has sent, record by record. */
  readonly deltas: readonly Delta[]
  readonly ended: Ended | undefined
  /** Who watched it in other processes than its producer's. */
  readonly elsewhere: { readonly viewers: number; readonly resumes: number }
  /** Whether it was taken away: what was said is not kept here any more. */
  readonly isDeleted: boolean
}

export interface Opened {
  readonly by: string
  readonly format: string
  readonly position: Position
  /** When the log took it, in ms since 1970. */
  readonly time: number
}

export interface Delta {
  readonly position: Position
  readonly frames: readonly KeptFrame[]
}

export interface Ended extends EndRecord {
  readonly position: Position
  /** When the log took it, in ms since 1970. */
  readonly time: number
}

export interface RunReducer extends RunRecords {
  /** Takes the next entry of the topic, and what it holds if that is known already; true when it counts. */
  take(entry: Entry, known?: RunRecord): boolean
}

/**
 * What everybody agrees on, since everybody reads the same records in the same order: the first `open` wins; deltas and beats count
 * with the winner's name only, each once; the first `end` wins, and nothing counts after it but `delete`. So a second start becomes a viewer,
 * a producer that was given up writes to nobody, and a stop that races the end has one outcome for all, without a lock.
 */
export function createReducer(): RunReducer {
  const deltas: Delta[] = []
  let opened: Opened | undefined
  let ended: Ended | undefined
  let isDeleted = false
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
    get isDeleted() {
      return isDeleted
    },
    deltas,
    take(entry, known) {
      const { position, time } = entry
      const record = known ?? recordOf(entry)
      if (!record || isDeleted) return false
      if (record.type === "delete") {
        if (!opened) return false
        isDeleted = true
        // emptied in place, as those who watch are somewhere among them
        for (const [at, delta] of deltas.entries()) deltas[at] = { position: delta.position, frames: [] }
        ended ??= { type: "end", mark: record.mark, status: "stopped", position, time }
        return true
      }
      if (ended) return false
      if (record.type === "open") {
        if (opened) return false
        opened = { by: record.by, format: record.format, position, time }
        return true
      }
      if (!opened) return false
      if (record.type === "seen") {
        elsewhere = { viewers: elsewhere.viewers + record.viewers, resumes: elsewhere.resumes + record.resumes }
        // no sign of life of its producer
        return false
      }
      if (record.type === "end") {
        if (record.by !== undefined && record.by !== opened.by) return false
        ended = { ...record, position, time }
        return true
      }
      // a record that was sent again because its first answer was lost has the number of the first
      if (record.by !== opened.by || record.n <= n) return false
      n = record.n
      if (record.type === "delta") deltas.push({ position, frames: record.frames })
      return true
    },
  }
}
