import type { JetStream } from "./jetstream.ts"
import type { StreamRecord } from "./record.ts"
import { removeChecksum, sumOf } from "./checksum.ts"

/** Maximum number of records that are looked up at once. */
const MAX_LOOKUPS = 64
/** Maximum number and size of records that wait while an earlier one is looked up. */
const MAX_HELD = 10_000
const MAX_HELD_BYTES = 16 * 1024 * 1024
/** Maximum number of records with a wrong checksum that are noted before they are delivered again. */
const MAX_NOTED = 100_000

/** Records with a wrong checksum that were delivered once: the sum of each, by its sequence number. */
export type Noted = Map<number, string>

export interface RecordFilterOptions {
  readonly jetstream: JetStream
  /** Shared by the filters of one replica. */
  readonly noted: Noted
  /** Called with every record in order, undamaged and without its checksum. A record that no log wrote becomes a chunk, which is ignored. */
  readonly take: (record: StreamRecord, stamp: string) => void
  /** Called when a record arrived damaged and the stream no longer has it. */
  readonly onMissing: () => void
  /** Called when there are too many records with a wrong checksum to look up each: the next filter needs all records after the newest taken one again. */
  readonly onMany: () => void
  /** Called when a damaged record could not be looked up. */
  readonly onFailure: (error: Error) => void
}

interface Held {
  readonly record: StreamRecord
  readonly stamp: string
  /** Its content without the checksum, when it is known. */
  data: Uint8Array | undefined
  /** Whether no log wrote it. */
  isForeign: boolean
}

/**
 * Creates a function that checks each record of the stream. A record with a wrong checksum was damaged in transit or was not
 * written by a log. A few of them are looked up in the stream. When there are more, they are noted and delivered again: no log wrote those that
 * are the same. Meanwhile later records wait: other programs that publish on the subjects of the log must not be able to block it.
 */
export function createRecordFilter({
  jetstream,
  noted,
  take,
  onMissing,
  onMany,
  onFailure,
}: RecordFilterOptions): (record: StreamRecord, stamp: string, isNewest: boolean) => void {
  const held: Held[] = []
  let heldBytes = 0
  let lookups = 0
  let isNoting = false
  let isOver = false

  function pass({ record, stamp, data, isForeign }: Held): void {
    noted.delete(record.sequence)
    take(isForeign ? { ...record, kind: "chunk" } : { ...record, data: data as Uint8Array }, stamp)
  }

  function passAll(): void {
    let count = 0
    for (const each of held) {
      if (!each.data && !each.isForeign) break
      count += 1
      heldBytes -= each.record.data.length
      pass(each)
    }
    held.splice(0, count)
  }

  async function lookUp(each: Held): Promise<void> {
    lookups += 1
    try {
      const found = await jetstream.get({ seq: each.record.sequence })
      if (isOver) return
      if (!found) return stop(onMissing)
      each.data = found.data
      each.isForeign = !found.data
      passAll()
    } catch (error) {
      stop(() => onFailure(error as Error))
    }
    lookups -= 1
  }

  function stop(report: () => void): void {
    if (isOver) return
    isOver = true
    held.length = 0
    report()
  }

  return (record, stamp, isNewest) => {
    if (isOver) return
    // only snapshots use chunks, and reading a snapshot checks their checksums
    const each: Held = { record, stamp, isForeign: record.kind === "chunk", data: undefined }
    if (!each.isForeign) {
      each.data = removeChecksum(record.data)
      if (!each.data) each.isForeign = isNoted(record)
    }
    const isKnown = each.isForeign || each.data !== undefined
    if (isKnown && held.length === 0 && !isNoting) return pass(each)
    if (!isNoting && (isKnown || lookups < MAX_LOOKUPS) && held.length < MAX_HELD && heldBytes < MAX_HELD_BYTES) {
      held.push(each)
      heldBytes += record.data.length
      if (!isKnown) void lookUp(each)
      return
    }
    isNoting = true
    if (isNewest || noted.size >= MAX_NOTED) stop(onMany)
  }

  /** Whether it was delivered before, just like this. Notes it otherwise. */
  function isNoted({ sequence, data }: StreamRecord): boolean {
    const sum = `${data.length} ${sumOf(data)}`
    if (noted.get(sequence) === sum) return true
    noted.set(sequence, sum)
    return false
  }
}
