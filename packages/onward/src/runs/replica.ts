import { followTopic, type FollowedTopic, type LogInternals } from "../hub/index.ts"
import type { Loss } from "../log/index.ts"
import type { Entry, Position } from "../message.ts"
import type { FrameReader } from "./format.ts"
import { createReducer, type RunReducer } from "./reduce.ts"
import type { Meter } from "./metrics.ts"
import type { RunTopic } from "./run-topic.ts"
import type { KeptFrame } from "./delta-data.ts"
import type { EndStatus, RunError } from "./record.ts"

/** The end of a run for viewers of this process. Without a position it is not in the log. */
export interface SeenEnding {
  readonly status: EndStatus
  readonly error?: RunError
  readonly position?: Position
}

/** A delta that is not in the log yet; `ordinal` is its future index among the run's deltas. */
export interface UnstoredDelta {
  readonly ordinal: number
  readonly frames: readonly KeptFrame[]
}

/**
 * This process's copy of a run, read from the log once for all viewers. It exists while this process uses the run.
 */
export class Replica {
  readonly id: string
  readonly topic: string
  readonly records: RunReducer = createReducer()
  /** Whether retention has removed records of this run. */
  isTrimmed = false
  /** The name with which this process has claimed the run. */
  attempt: string | undefined
  /** Set while this process produces the run. `rewrite` writes all records again after the log was recreated. */
  producer: { rewrite(): void } | undefined
  meter: Meter | undefined
  /** Whether this process disconnects its viewers, so that they reconnect to another one. */
  isLeft = false
  users = 0
  /** How many records have counted. While it does not change, the producer is silent. */
  heard = 0
  /** Deltas that the store has not accepted yet, for viewers of this process; see `requireStored`. */
  unstored: readonly UnstoredDelta[] = []
  /** The producer's reader after its source is over. It is valid only for an end that the producer wrote: before, it can be ahead of the log. */
  reader: FrameReader<unknown> | undefined
  readonly #listeners = new Set<() => void>()
  #ending: SeenEnding | undefined
  #followed: FollowedTopic | undefined

  constructor({ id, topic }: RunTopic) {
    this.id = id
    this.topic = topic
  }

  /** Reads the run from the log. Rejects with the error of the log. */
  async open(internals: LogInternals): Promise<void> {
    this.#followed = followTopic(internals, this.topic, "earliest", {
      onEntries: (entries) => {
        for (const entry of entries) this.#take(entry)
        return true
      },
      onLost: (loss) => this.#lose(loss),
    })
    try {
      await this.#followed.refresh()
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.#followed?.stop()
  }

  /** Reads the rest of the log. Rejects with the error of the log. */
  async refresh(): Promise<void> {
    await this.#followed?.refresh()
  }

  #take(entry: Entry): void {
    if (!this.records.take(entry)) return
    this.heard++
    // also after the end: viewers that have not reached it receive no more frames, and must not see a completed run
    if (this.records.isDeleted) this.#ending = { status: "stopped", position: entry.position }
    else if (this.records.ended) {
      const { status, error, position } = this.records.ended
      this.#ending ??= { status, position, ...(error && { error }) }
    }
    this.changed()
  }

  /** Records that were removed before they were read are missing, so what follows is incomplete. A log that names no topic removed those of others. */
  #lose({ reason, topics }: Loss): void {
    const isRecreated = reason !== "trimmed"
    if (!isRecreated && !topics?.has(this.topic)) return
    if (!isRecreated) this.isTrimmed = true
    // a run that had not begun can still begin in a recreated log
    if (!this.records.opened || this.#ending) return
    if (isRecreated && this.records.opened.by === this.attempt) {
      this.records.reopen()
      this.producer?.rewrite()
    } else this.end({ status: "lost", error: isRecreated ? STORE_LOST : GONE })
  }

  get ending(): SeenEnding | undefined {
    return this.#ending
  }

  /** Whether the attempt `by` produces the run, which has not ended. */
  hasBegun(by: string): boolean {
    return this.records.opened?.by === by && !this.#ending
  }

  /** Ends the run for viewers of this process when the log accepts no records. */
  end(ending: SeenEnding): void {
    this.#ending ??= ending
    this.changed()
  }

  /** The number of deltas for viewers. */
  get count(): number {
    const kept = this.records.deltas.length
    const last = this.unstored.at(-1)
    return this.#ending || last === undefined ? kept : Math.max(kept, last.ordinal + 1)
  }

  /** The frames of a delta. */
  frames(index: number): readonly KeptFrame[] {
    return this.records.deltas.frames(index) ?? this.unstored[index - (this.unstored[0]?.ordinal ?? 0)]?.frames ?? []
  }

  /** The position of a delta; undefined if it is not in the log. */
  positionOf(index: number): Position | undefined {
    return this.records.deltas.positionOf(index)
  }

  /** Calls back at each change; returns the undo. */
  listen(onChange: () => void): () => void {
    this.#listeners.add(onChange)
    return () => void this.#listeners.delete(onChange)
  }

  changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

const STORE_LOST: RunError = {
  code: "log_unavailable",
  message: "The store has lost this response. Start another run.",
}
const GONE: RunError = { code: "run_expired", message: "The log has removed part of this response. Start another run." }

/** Resolves when a run is over. */
export function whenEnded(replica: Replica): Promise<void> {
  return new Promise((resolve) => {
    const unlisten = replica.listen(look)
    function look(): void {
      if (!replica.ending) return
      unlisten()
      resolve()
    }
    look()
  })
}
