import { OnwardError } from "../../errors.ts"
import type { Entry, StoredMessage } from "../../message.ts"
import type { JetStream, RawMessage } from "./jetstream.ts"
import { decodeJson, encodeJson, fromLine, join, toLine } from "./record.ts"
import type { Replica, ReplicaState, SnapshotIndex } from "./replica.ts"

/** A line of a snapshot: an entry and where it is. */
type Row = readonly [sequence: number, time: number, line: Parameters<typeof fromLine>[0]]

const NEWLINE = Uint8Array.of(10)
/** Least that the stream takes before it is summed up, in bytes. */
const LEAST_GARBAGE = 8 * 1024 * 1024

/**
 * Makes what sums up the stream when it has grown too long: called by the process whose batch was just found in it, with what
 * the stream took before. If that process does not live to, the one whose batch makes it another quarter too long does it.
 */
export function createSummer(
  jetstream: JetStream,
  subjectOf: (kind: "chunk" | "snapshot") => string,
  { maxPayload, timeout }: { maxPayload: () => number; timeout: number },
): (replica: Replica, before: number) => void {
  let isBusy = false
  return (replica, before) => {
    const enough = Math.max(LEAST_GARBAGE, replica.kept.size * 2)
    const quarters = (written: number): number => Math.floor((written - enough) / (enough / 4))
    if (isBusy || replica.written < enough || quarters(before) === quarters(replica.written)) return
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
 * Writes the whole state into the stream, and then removes from the stream what lies before it. A snapshot is bytes in chunks,
 * lines of JSON when joined: the state, then an entry a line; and last an index of the chunks, which is what makes it count.
 */
export async function writeSnapshot(
  jetstream: JetStream,
  subjectOf: (kind: "chunk" | "snapshot") => string,
  state: ReplicaState,
  entries: readonly (readonly [sequence: number, entry: Entry])[],
  { chunkSize, timeout, isBirth = false }: { chunkSize: number; timeout: number; isBirth?: boolean },
): Promise<void> {
  const chunks: number[] = []
  for (const chunk of chunksOf(linesOf(state, entries), chunkSize)) {
    chunks.push(await jetstream.store(subjectOf("chunk"), chunk, timeout))
  }
  const index: SnapshotIndex = { at: state.at, chunks, ...(isBirth && { isBirth }) }
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

/** Joins lines and cuts them at `size` bytes. */
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

/**
 * Brings a new replica to the newest snapshot from which the stream is still complete; false when there is none, because
 * the log is young or because somebody has emptied the stream.
 */
export async function readSnapshot(
  jetstream: JetStream,
  subject: string,
  firstSequence: number,
  replica: Replica,
): Promise<boolean> {
  const newest = await jetstream.get({ last_by_subj: subject })
  if (!newest) return false
  const found = await findIndex(jetstream, subject, firstSequence, newest)
  if (!found) {
    if (firstSequence <= 1) return false
    throw new OnwardError(
      "log_corrupt",
      `log ${subject}: what sums up the log cannot be read: remove the stream to begin anew`,
    )
  }
  const pieces: Uint8Array[] = []
  for (const seq of found.index.chunks) {
    const chunk = await jetstream.get({ seq })
    // removed for a newer one just now, or damaged on its way
    if (!chunk?.data) throw new OnwardError("log_unavailable", `log ${subject}: a piece is missing: try again`)
    pieces.push(chunk.data)
  }
  const lines = linesIn(join(pieces))
  const first = lines.next()
  if (first.done) return false
  replica.base = found.seq
  replica.restore(decodeJson(first.value) as ReplicaState, rowsIn(lines))
  return true
}

/**
 * The newest index is nearly always it. But one that was begun earlier may have ended later, when what it needs was removed for
 * the other, which then lies before it.
 */
async function findIndex(
  jetstream: JetStream,
  subject: string,
  firstSequence: number,
  newest: RawMessage,
): Promise<{ seq: number; index: SnapshotIndex } | undefined> {
  const read = ({ seq, data }: RawMessage): { seq: number; index: SnapshotIndex } | undefined => {
    const index = indexIn(data)
    return index && index.at + 1 >= firstSequence ? { seq, index } : undefined
  }
  let best = read(newest)
  if (best) return best
  for (let seq = firstSequence; seq < newest.seq;) {
    const next = await jetstream.get({ seq, next_by_subj: subject })
    if (!next) break
    best = read(next) ?? best
    seq = next.seq + 1
  }
  return best
}

/** Undefined when it was not written by a log. */
function indexIn(data: Uint8Array | undefined): SnapshotIndex | undefined {
  if (!data) return undefined
  try {
    const index = decodeJson(data) as Partial<SnapshotIndex> | null
    return typeof index?.at === "number" && Array.isArray(index.chunks) ? (index as SnapshotIndex) : undefined
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
