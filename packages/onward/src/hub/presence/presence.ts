import { OnwardError } from "../../errors.ts"
import { createEpoch } from "../../log/index.ts"
import { followTopic } from "../follow-topic.ts"
import type { Internals } from "../hub-context.ts"
import type { LocalPresence } from "./local.ts"
import type { PresenceSettings } from "./options.ts"
import { RemotePresence } from "./remote.ts"
import { PRESENCE_TOPIC, readReport, writeReport, type Change } from "./report.ts"

/** Who is on a topic, in all processes that share the log. */
export interface PresenceState {
  /** Streams that name the topic; those that only have a pattern for it are not counted. */
  readonly streams: number
  /** The `userId` of their subscriptions, each once, sorted. */
  readonly userIds: readonly string[]
}

/** Who is there. What happens in this process counts at once, what happens elsewhere about a second later. */
export interface Presence {
  /** Throws `TypeError` when the hub was made without `presence`. */
  of(topic: string): PresenceState
  /**
   * Gives who is there now, then again whenever that changed, the newest only. Ends with the signal or the hub.
   * @example
   * sse(req, res, async function* ({ signal }) {
   *   for await (const { streams } of hub.presence.follow("room/7", signal)) yield { event: "presence", data: { streams } }
   * })
   */
  updates(topic: string, signal?: AbortSignal): AsyncGenerator<PresenceState, void, undefined>
}

/** Presence as the hub holds it. */
export interface OpenPresence extends Presence {
  /** Tells the others that this process is gone. */
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
  close: async () => {},
}

function refuse(): never {
  throw new TypeError("Presence is disabled. Enable it with createHub({ presence: true }).")
}

/** Adds up what this process counts and what the others tell, and tells the others. Nothing but the log is between them. */
export function createPresence(
  { interval, maxReported }: PresenceSettings,
  localPresence: LocalPresence,
  internals: Internals,
): OpenPresence {
  const { context } = internals
  const { clock } = context
  const me = createEpoch()
  const remotePresence = new RemotePresence()
  /** What the others were told, of topics and people `size` together. */
  const told = new Map<string, TopicPresence>()
  let size = 0
  /** Topics that changed since. */
  const dirty = new Set<string>()
  /** The others are to be told everything, and to forget what they were told. */
  let anew = true
  /** Everything is to be asked of the others. */
  let asks = true
  let ticks = 0
  let telling: Promise<void> = Promise.resolve()
  let reported: unknown
  let cancel = (): void => {}
  const followers = new Map<string, Set<() => void>>()
  const changed = new Set<string>()

  /** Followers hear of it once a turn. */
  function changes(topics: Iterable<string>): void {
    for (const topic of topics) {
      if (!followers.has(topic)) continue
      if (changed.size === 0) clock.turn(notify)
      changed.add(topic)
    }
  }

  function notify(): void {
    const topics = [...changed]
    changed.clear()
    for (const topic of topics) for (const wake of followers.get(topic) ?? []) wake()
  }

  localPresence.onChange = (topic) => {
    dirty.add(topic)
    changes([topic])
  }

  function hear(data: string): void {
    const heard = readReport(data)
    if (!heard) return
    const { from } = heard
    if (from === me) {
      if (heard.beat) changes(remotePresence.missBeat())
    } else if (heard.leaves) changes(remotePresence.forget(from))
    else if (!heard.anew && !remotePresence.has(from)) asks = true
    else {
      if (heard.asks) anew = true
      changes(remotePresence.take(heard))
    }
  }

  const followed = followTopic(internals, PRESENCE_TOPIC, "live", {
    onEntries(entries) {
      for (const { data } of entries) hear(data)
      return true
    },
    onLost() {
      changes(remotePresence.forgetAll())
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

  /** Each kind of trouble once, until it is over. */
  function report(kind: unknown, error: unknown): void {
    if (kind === reported) return
    reported = kind
    context.onError(error)
  }

  async function tell(beat: boolean): Promise<void> {
    const isAll = anew || asks
    const topics = [...(isAll ? localPresence.topics() : dirty)]
    if (isAll) forgetTold()
    const heads = { ...(isAll && { anew: true as const }), ...(asks && { asks: true as const }) }
    const didAsk = asks
    dirty.clear()
    anew = asks = false
    const list = topics.map(changeOf).filter((change) => change !== undefined)
    try {
      await internals.append(writeReport({ from: me, ...heads, ...(beat && { beat: true as const }), changes: list }))
      if (reported !== "limit") reported = undefined
    } catch (error) {
      // what arrived of it, if anything, is not known
      anew = true
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
    if (asks || (!isAlone && (anew || dirty.size > 0 || beat))) await (telling = tell(beat))
    else if (isAlone) {
      // nobody to tell: whoever comes is told everything
      dirty.clear()
      forgetTold()
      anew = true
    }
    if (!context.isClosed) cancel = clock.after(interval, () => void tick())
  }

  void context.tail.ready.then(() => {
    if (!context.isClosed) void tick()
  })

  const of = (topic: string): PresenceState => {
    const here = localPresence.at(topic)
    const userIds = new Set([...(here?.userIds.keys() ?? []), ...remotePresence.userIds(topic)])
    return { streams: (here?.streams ?? 0) + remotePresence.streams(topic), userIds: [...userIds].sort() }
  }

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
        const now = of(topic)
        const text = JSON.stringify(now)
        if (text === last) await change
        else {
          last = text
          yield now
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
    async close() {
      cancel()
      followed.stop()
      for (const all of followers.values()) for (const wake of all) wake()
      await telling
      // whoever does not hear of it misses our beats
      if (remotePresence.size > 0) await context.log.append(writeReport({ from: me, leaves: true })).catch(() => {})
    },
  }
}
