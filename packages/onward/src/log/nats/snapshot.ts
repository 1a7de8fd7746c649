import { OnwardError } from "../../errors.ts"
import type { Entry, StoredMessage } from "../../message.ts"
import type { JetStream, RawMessage } from "./jetstream.ts"
import { removeChecksum } from "./checksum.ts"
import { decodeJson, encodeJson, fromLine, join, toLine, type StreamRecord } from "./record.ts"
import type { Replica, ReplicaState, SnapshotIndex } from "./replica.ts"

/** A line of a snapshot: an entry with its sequence number and time. */
type Row = readonly [sequence: number, time: number, line: Parameters<typeof fromLine>[0]]

const NEWLINE = Uint8Array.of(10)
/** Minimum size of the stream before it is compacted, in bytes. */
const MIN_COMPACTION = 8 * 1024 * 1024

/**
 * Creates a function that compacts the stream by a snapshot when it has grown too large. The process that wrote the newest batch calls
 * it, with `replica.written` before that batch. If that process fails, the process whose batch adds another quarter does it.
 */
export function createCompactor(
  jetstream: JetStream,
  subjectOf: (kind: "chunk" | "snapshot") => string,
  { maxPayload, timeout }: { maxPayload: () => number; timeout: number },
): (replica: Replica, writtenBefore: number) => void {
  let isBusy = false
  return (replica, writtenBefore) => {
    const limit = Math.max(MIN_COMPACTION, replica.kept.size * 2)
    const quarters = (written: number): number => Math.floor((written - limit) / (limit / 4))
    if (isBusy || replica.written < limit || quarters(writtenBefore) === quarters(replica.written)) return
    const state = replica.state()
    if (!state) return
    isBusy = true
    writeSnapshot(jetstream, subjectOf, state, replica.kept.entries(), { chunkSize: maxPayload(), timeout })
      // the next quarter tries again
      .catch(() => {})
      .finally(() => (isBusy = false))
  }
}

/**
 * Writes the whole state into the stream, then removes the earlier records. A snapshot consists of chunks, which joined are lines
 * of JSON: the state, then one entry in each line. An index of the chunks follows and completes it.
 */
export async function writeSnapshot(
  jetstream: JetStream,
  subjectOf: (kind: "chunk" | "snapshot") => string,
  state: ReplicaState,
  entries: readonly (readonly [sequence: number, entry: Entry])[],
  { chunkSize, timeout, isInitial = false }: { chunkSize: number; timeout: number; isInitial?: boolean },
): Promise<void> {
  const chunks: number[] = []
  for (const chunk of chunksOf(linesOf(state, entries), chunkSize)) {
    chunks.push(await jetstream.store(subjectOf("chunk"), chunk, timeout))
  }
  const index: SnapshotIndex = { at: state.at, chunks, ...(isInitial && { isInitial }) }
  await jetstream.store(subjectOf("snapshot"), encodeJson(index), timeout)
  await jetstream.purgeBefore(state.at + 1)
}

function* linesOf(
  state: ReplicaState,
  entries: readonly (readonly [sequence: number, entry: Entry])[],
): Generator<Uint8Array> {
  yield encodeJson(state)
  for (const [sequence, entry] of entries) yield encodeJson([sequence, entry.time, toLine(entry)] satisfies Row)
}

/** Joins lines and splits them into chunks of `size` bytes. */
function* chunksOf(lines: Iterable<Uint8Array>, size: number): Generator<Uint8Array> {
  let pieces: Uint8Array[] = []
  let room = size
  for (const line of lines) {
    for (let rest = join([line, NEWLINE]); rest.length > 0;) {
      const piece = rest.subarray(0, room)
      rest = rest.subarray(piece.length)
      pieces.push(piece)
      room -= piece.length
      if (room > 0) continue
      yield join(pieces)
      pieces = []
      room = size
    }
  }
  if (pieces.length > 0) yield join(pieces)
}

/** Where a snapshot is read. */
export interface SnapshotSource {
  readonly jetstream: JetStream
  /** Calls `take` with the records of a subject as they are stored, from `from` to the newest one. */
  readonly scan: (subject: string, from: number, take: (record: StreamRecord) => void) => Promise<void>
}

/**
 * Restores a new replica from the newest snapshot after which the stream is complete. False when there is no snapshot: the log
 * is young, or the stream was emptied from outside.
 */
export async function readSnapshot(
  source: SnapshotSource,
  subject: string,
  firstSequence: number,
  replica: Replica,
): Promise<boolean> {
  const { jetstream } = source
  const newest = await jetstream.get({ last_by_subj: subject })
  if (!newest) return false
  const found = await findIndex(source, subject, firstSequence, newest)
  if (!found) {
    if (firstSequence <= 1) return false
    throw new OnwardError(
      "log_corrupt",
      `log ${subject}: the snapshot cannot be read. Remove the stream to create a new log.`,
    )
  }
  const pieces: Uint8Array[] = []
  for (const seq of found.index.chunks) {
    const chunk = await jetstream.get({ seq })
    // a newer snapshot has just replaced it, or the chunk was damaged in transit
    if (!chunk?.data)
      throw new OnwardError("log_unavailable", `log ${subject}: a chunk of the snapshot is missing. Retry later.`)
    pieces.push(chunk.data)
  }
  const lines = linesIn(join(pieces))
  const first = lines.next()
  if (first.done) return false
  replica.base = found.seq
  replica.restore(decodeJson(first.value) as ReplicaState, rowsIn(lines))
  return true
}

type FoundIndex = { readonly seq: number; readonly index: SnapshotIndex }

/**
 * Finds the newest index whose snapshot is complete. It is nearly always the newest one. But a snapshot that was started earlier can
 * finish later, after a faster one has removed its records. And other programs can publish on this subject, any number of times.
 */
async function findIndex(
  { scan }: SnapshotSource,
  subject: string,
  firstSequence: number,
  newest: RawMessage,
): Promise<FoundIndex | undefined> {
  const read = (seq: number, data: Uint8Array | undefined): FoundIndex | undefined => {
    const index = indexIn(data, seq)
    return index && index.at + 1 >= firstSequence ? { seq, index } : undefined
  }
  let best = read(newest.seq, newest.data)
  // the whole stream can be read instead
  if (best || firstSequence <= 1) return best
  await scan(subject, firstSequence, ({ sequence, data }) => {
    best = read(sequence, removeChecksum(data)) ?? best
  })
  return best
}

/** Decodes an index. Undefined when no log wrote it. */
function indexIn(data: Uint8Array | undefined, seq: number): SnapshotIndex | undefined {
  if (!data) return undefined
  try {
    const { at = -1, chunks = [], ...rest } = decodeJson(data) as Partial<SnapshotIndex>
    // its chunks were stored after what it contains, and before itself
    const areChunks =
      chunks.length > 0 && chunks.every((chunk) => Number.isSafeInteger(chunk) && chunk > at && chunk < seq)
    return Number.isSafeInteger(at) && at >= 0 && areChunks ? { ...rest, at, chunks } : undefined
  } catch {
    return undefined
  }
}

function* linesIn(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(10, at)
    yield bytes.subarray(at, end)
    at = end + 1
  }
}

function* rowsIn(lines: Iterable<Uint8Array>): Generator<readonly [number, number, StoredMessage]> {
  for (const line of lines) {
    const [sequence, time, message] = decodeJson(line) as Row
    yield [sequence, time, fromLine(message)]
  }
}
