import { OnwardError } from "../../errors.ts"
import { createEpoch } from "../driver/position.ts"
import type { Limits } from "../driver/retention.ts"
import type { Feed } from "./feed.ts"
import { nanosecondsOf, type JetStream, type StreamInfo } from "./jetstream.ts"
import { retentionOf, type Kind } from "./record.ts"
import { readSnapshot, writeSnapshot } from "./snapshot.ts"

/** Pause before a leader is asked again what it has, in milliseconds. */
const PAUSE = 200
/** How often it is asked before what is missing counts as lost. */
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
  /** Stores a record, and resolves once the replica has it. */
  readonly record: (kind: Kind, value: object) => Promise<void>
}

/** Brings the replica and the stream together: after a start, a lost connection, a failover, a rollback, a purge. */
export interface Recovery {
  /** When the stream was created that the replica was made of. */
  readonly created: string | undefined
  /**
   * Follows the stream as it is now: with the replica, if the stream still holds the record it is at, else with a new one.
   * @param isFirst whether this process opens the log, and so decides what is kept
   */
  recover(info: StreamInfo, isFirst: boolean): Promise<void>
}

export function createRecovery(options: RecoveryOptions): Recovery {
  const { jetstream, feed, stream, subjectOf, limits, timeout, maxPayload, record } = options
  let created: string | undefined

  const followTo = ({ state }: StreamInfo): Promise<void> => feed.follow(state.last_seq)

  /** True when the stream is the one the replica was made of, and still holds the record it is at. */
  async function isStillThere(info: StreamInfo): Promise<boolean> {
    const { replica, stamp } = feed
    if (replica.isOver || info.created !== created || info.state.first_seq > replica.at) return false
    const newest = await jetstream.get({ seq: replica.at })
    return newest !== undefined && (stamp === undefined || nanosecondsOf(newest.time) === BigInt(stamp))
  }

  /** A new leader may not know yet all that was agreed on: only what is still missing after a while is lost. */
  async function isRolledBack(info: StreamInfo): Promise<boolean> {
    if (info.created !== created) return false
    const { at } = feed.replica
    for (let tries = 1; ; tries++) {
      const { first_seq, last_seq } = (await jetstream.info()).state
      if (first_seq > at) return false
      if (last_seq >= at || tries === TRIES) return !(await isStillThere(info))
      await new Promise((resolve) => void setTimeout(resolve, PAUSE))
    }
  }

  async function startOver(info: StreamInfo, isFirst: boolean): Promise<void> {
    const { replica } = feed
    const before = replica.settings && !replica.isOver ? replica.kept.epoch : undefined
    const isFenced = before !== undefined && (await isRolledBack(info))
    if (before !== undefined && !isFenced && (await isStillThere(info))) return followTo(info)

    const { first_seq, last_seq } = info.state
    if (!(await restore(first_seq)) && first_seq > 1) await initialise(last_seq)
    created = info.created
    await followTo(info)

    const { settings, kept } = feed.replica
    const own = { epoch: createEpoch(), retention: retentionOf(limits) }
    const isOther = JSON.stringify(settings?.retention) !== JSON.stringify(own.retention)
    // whoever comes later and wants other limits decides; who only comes back does not
    if (!settings || (isFirst && isOther)) await record("settings", own)
    if (isFenced && kept.epoch === before) await record("epoch", { epoch: createEpoch() })
  }

  /** Makes a new replica of the newest snapshot; false when there is none. */
  const restore = (firstSequence: number): Promise<boolean> =>
    readSnapshot(jetstream, subjectOf("snapshot"), firstSequence, feed.renew())

  /** Begins the log anew in a stream that somebody has emptied. */
  async function initialise(at: number): Promise<void> {
    const settings = { epoch: createEpoch(), retention: retentionOf(limits) }
    const nothing = { last: 0, time: 0, newestRemoved: 0, floor: 0, marks: [], topics: [], writers: [] }
    const how = { chunkSize: maxPayload(), timeout, isBirth: true }
    await writeSnapshot(jetstream, subjectOf, { ...nothing, epoch: settings.epoch, settings, at }, [], how)
    const { state } = await jetstream.info()
    if (await restore(state.first_seq)) return
    throw new OnwardError("log_unavailable", `log ${stream}: the stream is being emptied: try again`)
  }

  return {
    get created() {
      return created
    },
    async recover(info, isFirst) {
      if (feed.replica.settings && (await isStillThere(info))) await followTo(info)
      else await startOver(info, isFirst)
    },
  }
}
