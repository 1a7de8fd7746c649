import { followTopic, type FollowedTopic, type Internals } from "../hub/index.ts"
import type { Loss } from "../log/index.ts"
import type { Entry, Position, StoredMessage } from "../message.ts"
import type { FrameReader } from "./format.ts"
import { createReducer, type RunReducer } from "./reduce.ts"
import type { Meter } from "./metrics.ts"
import type { RunTopic } from "./run-topic.ts"
import type { EndStatus, KeptFrame, RunError, RunRecord } from "./record.ts"

/** How a run ended, for those who watch here. Without a position it is this process's word alone, and not in the log. */
export interface SeenEnding {
  readonly status: EndStatus
  readonly error?: RunError
  readonly position?: Position
}

/** Records on their way to the log, and the messages that hold them. */
export interface Writing {
  readonly records: readonly RunRecord[]
  readonly messages: readonly StoredMessage[]
}

/** A delta that is not in the log yet; `ordinal` is the place it will have among the run's deltas. */
export interface UnstoredDelta {
  readonly ordinal: number
  readonly frames: readonly KeptFrame[]
}

/**
 * One run as this process sees it, read once however many watch. There is one while anybody here does something with the run;
 * after that, the log has it.
 */
export class Replica {
  readonly id: string
  readonly topic: string
  readonly records: RunReducer = createReducer()
  /** Whether the log told that it has removed records of this run. */
  isTrimmed = false
  /** Whether the producer is in this process. */
  isProducing = false
  meter: Meter | undefined
  /** Whether this process lets its viewers go, for them to come back elsewhere. */
  isLeft = false
  users = 0
  /** How many records have counted so far: who sees it stand still hears nothing of the producer. */
  heard = 0
  /** Deltas the store would not take yet, for those who watch here; see `durability`. */
  unstored: readonly UnstoredDelta[] = []
  /** The producer's follower, once its source is over. Only of use for an end that the producer wrote: until then it may be ahead of the log. */
  reader: FrameReader<unknown> | undefined
  /** What this process is writing, which need not be read again. */
  readonly writing: Set<Writing> = new Set()
  readonly #listeners = new Set<() => void>()
  #ending: SeenEnding | undefined
  #followed: FollowedTopic | undefined

  constructor({ id, topic }: RunTopic) {
    this.id = id
    this.topic = topic
  }

  /** Reads what the log has of the run. Rejects with what the log rejects with. */
  async open(internals: Internals): Promise<void> {
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

  /** Reads the log's end anew. Rejects with what the log rejects with. */
  async refresh(): Promise<void> {
    await this.#followed?.refresh()
  }

  /** The record in an entry, if it is one that is being written here. What is no frame is read, to be the same in each process. */
  #known({ data }: Entry): RunRecord | undefined {
    for (const { messages, records } of this.writing) {
      for (let at = 0; at < messages.length; at++) {
        if (messages[at]?.data === data && records[at]?.type === "delta") return records[at]
      }
    }
    return undefined
  }

  #take(entry: Entry): void {
    if (!this.records.take(entry, this.#known(entry))) return
    this.heard++
    // also of what was over: who has not got to the end gets no further, and must not take that for it
    if (this.records.isDeleted) this.#ending = { status: "stopped", position: entry.position }
    else if (this.records.ended) {
      const { status, error, position } = this.records.ended
      this.#ending ??= { status, position, ...(error && { error }) }
    }
    this.changed()
  }

  /** Records that were removed before they were read are missing, so what follows is incomplete. A log that names no topic removed those of others. */
  #lose({ reason, topics }: Loss): void {
    if (reason === "trimmed" && !topics?.has(this.topic)) return
    this.isTrimmed = true
    if (this.records.opened && !this.#ending) this.end({ status: "lost", error: GONE })
  }

  get ending(): SeenEnding | undefined {
    return this.#ending
  }

  /** Whether the attempt `by` is the one that counts, and not over yet. */
  hasBegun(by: string): boolean {
    return this.records.opened?.by === by && !this.#ending
  }

  /** Ends it for those who watch here, when nothing can be written to the log. */
  end(ending: SeenEnding): void {
    this.#ending ??= ending
    this.changed()
  }

  /** How many deltas there are to watch. */
  get count(): number {
    const kept = this.records.deltas.length
    const last = this.unstored.at(-1)
    return this.#ending || last === undefined ? kept : Math.max(kept, last.ordinal + 1)
  }

  delta(index: number): { readonly frames: readonly KeptFrame[]; readonly position?: Position } {
    const kept = this.records.deltas[index]
    if (kept) return kept
    return this.unstored[index - (this.unstored[0]?.ordinal ?? 0)] ?? { frames: [] }
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

const GONE: RunError = { code: "run_expired", message: "the rest of this run is gone from the log" }

/** Resolves once a run is over. */
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
