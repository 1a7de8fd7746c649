import type { JetStream } from "./jetstream.ts"
import type { StreamRecord } from "./record.ts"
import { removeChecksum } from "./checksum.ts"

/** Maximum number of records that wait while an earlier one is looked up. */
const MAX_HELD = 10_000

export interface RecordFilterOptions {
  readonly jetstream: JetStream
  /** Called with every record in order, undamaged and without its checksum. A record that no log wrote becomes a chunk, which is ignored. */
  readonly take: (record: StreamRecord, stamp: string) => void
  /** Called when a record arrived damaged and the stream no longer has it. */
  readonly onMissing: () => void
  /** Called when a damaged record could not be looked up, or too many records wait for it. */
  readonly onFailure: (error?: Error) => void
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
 * written by a log, so it is looked up in the stream. Meanwhile later records wait, but publishing does not: other
 * programs that publish on the subjects of the log must not be able to block it.
 */
export function createRecordFilter({
  jetstream,
  take,
  onMissing,
  onFailure,
}: RecordFilterOptions): (record: StreamRecord, stamp: string) => void {
  const held: Held[] = []
  let isOver = false

  function pass({ record, stamp, data, isForeign }: Held): void {
    take(isForeign ? { ...record, kind: "chunk" } : { ...record, data: data as Uint8Array }, stamp)
  }

  function passAll(): void {
    let count = 0
    for (const each of held) {
      if (!each.data && !each.isForeign) break
      count += 1
      pass(each)
    }
    held.splice(0, count)
  }

  async function lookUp(each: Held): Promise<void> {
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
  }

  function stop(report: () => void): void {
    if (isOver) return
    isOver = true
    held.length = 0
    report()
  }

  return (record, stamp) => {
    if (isOver) return
    // only snapshots use chunks, and reading a snapshot checks their checksums
    const isForeign = record.kind === "chunk"
    const each: Held = { record, stamp, isForeign, data: isForeign ? undefined : removeChecksum(record.data) }
    const isKnown = isForeign || each.data !== undefined
    if (isKnown && held.length === 0) return pass(each)
    if (held.length >= MAX_HELD) return stop(onFailure)
    held.push(each)
    if (!isKnown) void lookUp(each)
  }
}
