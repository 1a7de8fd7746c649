import { OnwardError } from "../../errors.ts"
import { kindOf } from "../../kind.ts"
import { createEpoch } from "../../log/index.ts"
import { followTopic } from "../follow-topic.ts"
import type { Internals } from "../hub-context.ts"
import type { LocalPresence } from "./local.ts"
import { MergedPresence, type Difference, type PresenceState } from "./merged.ts"
import type { PresenceSettings } from "./options.ts"
import { RemotePresence } from "./remote.ts"
import { PRESENCE_TOPIC, readReport, writeReport, type Change } from "./report.ts"
import { PresenceWatchers, resolveWatched, type PresenceListener, type WatchedTopics } from "./watchers.ts"

/**
 * Counts streams and users. A stream that opens in this process counts at once, one in another process about a second later. A stream that
 * ends counts for `presence.grace` longer.
 */
export interface Presence {
  /** The current state of a topic. Throws `TypeError` when the hub was made without `presence`. */
  of(topic: string): PresenceState
  /**
   * Yields the current state, then the newest state after each change. Ends when `signal` aborts or the hub closes.
   * @example
   * sse(req, res, async function* ({ signal }) {
   *   for await (const { streams } of hub.presence.updates("room/7", signal)) yield { event: "presence", data: { streams } }
   * })
   */
  updates(topic: string, signal?: AbortSignal): AsyncGenerator<PresenceState, void, undefined>
  /**
   * Calls `listener` for each change on these topics in any of the processes that share the log: once in each process that watches. The
   * first calls, before `watch` returns, report what is present now, so the calls add up to the state. Returns the undo.
   * @throws TypeError for options that do not exist, OnwardError `invalid_selector` for an invalid pattern
   * @example
   * const stop = hub.presence.watch({ patterns: ["room/*"] }, ({ kind, topic, userId }) => console.log(kind, topic, userId))
   */
  watch(topics: WatchedTopics, listener: PresenceListener): () => void
}

/** Presence with the method that only its hub uses. */
export interface OpenPresence extends Presence {
  /** Reports to the others that this process ends. */
  close(): Promise<void>
}

const TICKS_A_BEAT = 5

interface TopicPresence {
  readonly streams: number
  readonly userIds: ReadonlySet<string>
}

export const noPresence: OpenPresence = {
  of: refuse,
  updates: refuse,
  watch: refuse,
  close: async () => {},
}

function refuse(): never {
  throw new TypeError("Presence is disabled. Enable it with createHub({ presence: true }).")
}

/** Adds this process's counts to the reports of the others, and reports to them. Processes communicate by the log only. */
export function createPresence(
  { grace, interval, maxReported }: PresenceSettings,
  localPresence: LocalPresence,
  internals: Internals,
): OpenPresence {
  const { context } = internals
  const { clock } = context
  const me = createEpoch()
  const watchers = new PresenceWatchers(context.onError)
  const followers = new Map<string, Set<() => void>>()
  const merged = new MergedPresence({
    ...{ clock, grace },
    onChange: (change) => watchers.tell(change),
    onState(topic) {
      for (const wake of followers.get(topic) ?? []) wake()
    },
  })
  const apply = (change: Difference): void => merged.apply(change)
  const remotePresence = new RemotePresence(apply)
  /** What this process has reported: `size` topics and users together. */
  const told = new Map<string, TopicPresence>()
  let size = 0
  /** Topics that changed since the last report. */
  const dirty = new Set<string>()
  /** Whether the next report is complete, and replaces the earlier ones. */
  let mustSendAll = true
  /** Whether the next report asks the others for complete reports. */
  let asks = true
  let ticks = 0
  let telling: Promise<void> = Promise.resolve()
  let reported: unknown
  let cancel = (): void => {}

  localPresence.onChange = (change) => {
    dirty.add(change.topic)
    apply(change)
  }

  function hear(data: string): void {
    const heard = readReport(data)
    if (!heard) return
    const { from } = heard
    if (from === me) {
      if (heard.beat) remotePresence.missBeat()
    } else if (heard.leaves) remotePresence.forget(from)
    else if (!heard.complete && !remotePresence.has(from)) asks = true
    else {
      if (heard.asks) mustSendAll = true
      remotePresence.take(heard)
    }
  }

  const followed = followTopic(internals, PRESENCE_TOPIC, "live", {
    onEntries(entries) {
      for (const { data } of entries) hear(data)
      return true
    },
    onLost() {
      remotePresence.forgetAll()
      asks = true
    },
  })

  function changeOf(topic: string): Change | undefined {
    const now = localPresence.at(topic)
    const before = told.get(topic)
    if (!now && !before) return undefined
    if (now && !before && size >= maxReported) return tooMany()
    const went = before ? [...before.userIds].filter((userId) => !now?.userIds.has(userId)) : []
    size -= went.length + (before && !now ? 1 : 0)
    if (now && !before) size++
    const came = now ? [...now.userIds.keys()].filter((userId) => !before?.userIds.has(userId)) : []
    if (came.length > maxReported - size) {
      tooMany()
      came.length = Math.max(0, maxReported - size)
    }
    size += came.length
    if (!now) told.delete(topic)
    else {
      const userIds = new Set(before?.userIds)
      for (const userId of went) userIds.delete(userId)
      for (const userId of came) userIds.add(userId)
      told.set(topic, { streams: now.streams, userIds })
    }
    return [topic, now?.streams ?? 0, came, went]
  }

  function tooMany(): undefined {
    report(
      "limit",
      new OnwardError(
        "presence_too_large",
        `This process reports only ${maxReported} topics and users to other processes (presence.maxReported). Raise it, or count fewer topics with presence.patterns.`,
      ),
    )
  }

  /** Reports each kind of error once, until a report succeeds. */
  function report(kind: unknown, error: unknown): void {
    if (kind === reported) return
    reported = kind
    context.onError(error)
  }

  async function tell(beat: boolean): Promise<void> {
    const isAll = mustSendAll || asks
    const topics = [...(isAll ? localPresence.topics() : dirty)]
    if (isAll) forgetTold()
    const heads = { ...(isAll && { complete: true as const }), ...(asks && { asks: true as const }) }
    const didAsk = asks
    dirty.clear()
    mustSendAll = asks = false
    const list = topics.map(changeOf).filter((change) => change !== undefined)
    try {
      await internals.append(writeReport({ from: me, ...heads, ...(beat && { beat: true as const }), changes: list }))
      if (reported !== "limit") reported = undefined
    } catch (error) {
      // parts of it may have arrived
      mustSendAll = true
      asks ||= didAsk
      if (!context.isClosed) report(error instanceof OnwardError ? error.code : error, error)
    }
  }

  function forgetTold(): void {
    told.clear()
    size = 0
  }

  async function tick(): Promise<void> {
    const isAlone = remotePresence.size === 0
    const beat = !isAlone && ++ticks >= TICKS_A_BEAT
    if (beat) ticks = 0
    if (asks || (!isAlone && (mustSendAll || dirty.size > 0 || beat))) await (telling = tell(beat))
    else if (isAlone) {
      // without other processes, nothing is reported; a new process gets a complete report
      dirty.clear()
      forgetTold()
      mustSendAll = true
    }
    if (!context.isClosed) cancel = clock.after(interval, () => void tick())
  }

  void context.tail.ready.then(() => {
    if (!context.isClosed) void tick()
  })

  const of = (topic: string): PresenceState => merged.of(topic)

  async function* updates(topic: string, signal?: AbortSignal): AsyncGenerator<PresenceState, void, undefined> {
    let last = ""
    let wake = (): void => {}
    const woken = (): void => wake()
    const isOver = (): boolean => signal?.aborted === true || context.isClosed
    const all = followers.get(topic) ?? new Set()
    followers.set(topic, all.add(woken))
    signal?.addEventListener("abort", woken)
    try {
      while (!isOver()) {
        const change = new Promise<void>((resolve) => (wake = resolve))
        // of many users a version is compared much faster than the state
        const version = merged.versionOf(topic)
        if (version === last) await change
        else {
          last = version
          yield of(topic)
        }
      }
    } finally {
      signal?.removeEventListener("abort", woken)
      all.delete(woken)
      if (all.size === 0) followers.delete(topic)
    }
  }

  return {
    of,
    updates,
    watch(topics, listener) {
      if (typeof listener !== "function") {
        throw new TypeError(`presence.watch: \`listener\` must be a function, not ${kindOf(listener)}.`)
      }
      const selection = resolveWatched(topics)
      const now = [...merged.told(selection.matches)]
      const stop = watchers.add(selection, listener)
      for (const change of now) watchers.call(listener, change)
      return stop
    },
    async close() {
      cancel()
      merged.close()
      followed.stop()
      for (const all of followers.values()) for (const wake of all) wake()
      await telling
      // a process that does not receive it counts missed beats instead
      if (remotePresence.size > 0) await context.log.append(writeReport({ from: me, leaves: true })).catch(() => {})
    },
  }
}
