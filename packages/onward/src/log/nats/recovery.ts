import { OnwardError } from "../../errors.ts"
import { createEpoch } from "../driver/position.ts"
import type { Limits } from "../driver/retention.ts"
import type { Feed } from "./feed.ts"
import { nanosecondsOf, type JetStream, type StreamInfo } from "./jetstream.ts"
import { retentionOf, type Kind } from "./record.ts"
import { readSnapshot, writeSnapshot } from "./snapshot.ts"

/** Pause before the state of the stream is requested again, in milliseconds. */
const PAUSE = 200
/** Number of requests before missing records count as lost. */
const TRIES = 6

export interface RecoveryOptions {
  readonly jetstream: JetStream
  readonly feed: Feed
  /** The stream's name, for errors. */
  readonly stream: string
  readonly subjectOf: (kind: Kind) => string
  readonly limits: Limits
  readonly timeout: number
  readonly maxPayload: () => number
  /** Stores a record, and resolves when the replica has applied it. */
  readonly record: (kind: Kind, value: object) => Promise<void>
}

/** Synchronizes the replica with the stream: after a start, a lost connection, a failover, a rollback or a purge. */
export interface Recovery {
  /** When the stream of the replica was created. */
  readonly created: string | undefined
  /**
   * Starts the feed from the stream as it is now. Keeps the replica if the stream still has its newest applied record; otherwise creates a
   * new one.
   * @param isFirst whether this process opens the log for the first time, so its retention applies
   */
  recover(info: StreamInfo, isFirst: boolean): Promise<void>
}

export function createRecovery(options: RecoveryOptions): Recovery {
  const { jetstream, feed, stream, subjectOf, limits, timeout, maxPayload, record } = options
  let created: string | undefined

  const catchUp = ({ state }: StreamInfo): Promise<void> => feed.start(state.last_seq)

  /** True when it is the stream of the replica, and still has its newest applied record. */
  async function hasNewestRecord(info: StreamInfo): Promise<boolean> {
    const { replica, stamp } = feed
    if (replica.isOver || info.created !== created || info.state.first_seq > replica.at) return false
    const newest = await jetstream.get({ seq: replica.at })
    return newest !== undefined && (stamp === undefined || nanosecondsOf(newest.time) === BigInt(stamp))
  }

  /** True when the stream has lost acknowledged records. A new leader can receive them late, so they count as lost only after a while. */
  async function isRolledBack(info: StreamInfo): Promise<boolean> {
    if (info.created !== created) return false
    const { at } = feed.replica
    for (let tries = 1; ; tries++) {
      const { first_seq, last_seq } = (await jetstream.info()).state
      if (first_seq > at) return false
      if (last_seq >= at || tries === TRIES) return !(await hasNewestRecord(info))
      await new Promise((resolve) => void setTimeout(resolve, PAUSE))
    }
  }

  async function startOver(info: StreamInfo, isFirst: boolean): Promise<void> {
    const { replica } = feed
    const before = replica.settings && !replica.isOver ? replica.kept.epoch : undefined
    const hasLost = before !== undefined && (await isRolledBack(info))
    if (before !== undefined && !hasLost && (await hasNewestRecord(info))) return catchUp(info)

    const { first_seq, last_seq } = info.state
    if (!(await restore(first_seq)) && first_seq > 1) await initialise(last_seq)
    created = info.created
    await catchUp(info)

    const { settings, kept } = feed.replica
    const own = { epoch: createEpoch(), retention: retentionOf(limits) }
    const isDifferent = JSON.stringify(settings?.retention) !== JSON.stringify(own.retention)
    // a process that opens the log with other limits changes them; a process that reconnects does not
    if (!settings || (isFirst && isDifferent)) await record("settings", own)
    if (hasLost && kept.epoch === before) await record("epoch", { epoch: createEpoch() })
  }

  /** Creates a new replica from the newest snapshot. False when there is no snapshot. */
  const restore = (firstSequence: number): Promise<boolean> =>
    readSnapshot(
      { jetstream, scan: (...range) => feed.scan(...range) },
      subjectOf("snapshot"),
      firstSequence,
      feed.renew(),
    )

  /** Recreates the log in a stream that was emptied from outside. */
  async function initialise(at: number): Promise<void> {
    const settings = { epoch: createEpoch(), retention: retentionOf(limits) }
    const empty = { last: 0, time: 0, newestRemoved: 0, floor: 0, marks: [], topics: [], writers: [] }
    const options = { chunkSize: maxPayload(), timeout, isInitial: true }
    await writeSnapshot(jetstream, subjectOf, { ...empty, epoch: settings.epoch, settings, at }, [], options)
    const { state } = await jetstream.info()
    if (await restore(state.first_seq)) return
    throw new OnwardError("log_unavailable", `log ${stream}: the stream is being emptied. Retry later.`)
  }

  return {
    get created() {
      return created
    },
    async recover(info, isFirst) {
      if (feed.replica.settings && (await hasNewestRecord(info))) await catchUp(info)
      else await startOver(info, isFirst)
    },
  }
}
