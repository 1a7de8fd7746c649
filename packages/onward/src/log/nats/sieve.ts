import type { JetStream } from "./jetstream.ts"
import type { StreamRecord } from "./record.ts"
import { removeChecksum } from "./checksum.ts"

/** Most records that wait for the one before them to be looked up. */
const MAX_HELD = 10_000

export interface SieveOptions {
  readonly jetstream: JetStream
  /** Gets every record in order, whole and without its seal; what is not a log's comes as a chunk, which means nothing. */
  readonly take: (record: StreamRecord, stamp: string) => void
  /** A record came damaged, and the stream does not have it any more. */
  readonly onMissing: () => void
  /** A damaged record could not be looked up, or too many wait for one that is. */
  readonly onFailure: (error?: Error) => void
}

interface Held {
  readonly record: StreamRecord
  readonly stamp: string
  /** Its content, once known. */
  data: Uint8Array | undefined
  isStrange: boolean
}

/**
 * Tells what a log has written from what others publish on its subjects, and from what was damaged on its way: a record whose seal
 * does not fit is looked up in the stream, which has it whole, or as strange as it came. Meanwhile the records behind it wait, and
 * nothing else does: a stranger must not be able to hold up publishing.
 */
export function createSieve({
  jetstream,
  take,
  onMissing,
  onFailure,
}: SieveOptions): (record: StreamRecord, stamp: string) => void {
  const held: Held[] = []
  let isOver = false

  function pass({ record, stamp, data, isStrange }: Held): void {
    take(isStrange ? { ...record, kind: "chunk" } : { ...record, data: data as Uint8Array }, stamp)
  }

  function passAll(): void {
    let count = 0
    for (const each of held) {
      if (!each.data && !each.isStrange) break
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
      each.isStrange = !found.data
      passAll()
    } catch (error) {
      stop(() => onFailure(error as Error))
    }
  }

  function stop(tell: () => void): void {
    if (isOver) return
    isOver = true
    held.length = 0
    tell()
  }

  return (record, stamp) => {
    if (isOver) return
    // only snapshots refer to chunks, and whoever reads those looks at the seal
    const isStrange = record.kind === "chunk"
    const each: Held = { record, stamp, isStrange, data: isStrange ? undefined : removeChecksum(record.data) }
    const isKnown = isStrange || each.data !== undefined
    if (isKnown && held.length === 0) return pass(each)
    if (held.length >= MAX_HELD) return stop(onFailure)
    held.push(each)
    if (!isKnown) void lookUp(each)
  }
}
