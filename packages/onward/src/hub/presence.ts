import { OnwardError } from "../errors.ts"
import { createEpoch } from "../log/index.ts"
import { kindOf } from "../kind.ts"
import { checkNames, durationOf } from "../options.ts"
import { compilePattern } from "../topic.ts"
import { Attendance } from "./attendance.ts"
import type { Insides } from "./insides.ts"
import { Peers } from "./peers.ts"
import { PRESENCE_TOPIC, readTelling, writeTelling, type Change } from "./telling.ts"

export interface PresenceOptions {
  /** Topics that are counted, as patterns. @default ["*"], all */
  readonly patterns?: readonly string[]
  /**
   * How often at most this process tells the others what changed, in ms; it says that it is alive every five times as long. The
   * same for all processes. @default 1_000
   */
  readonly every?: number
  /** Topics and people together that this process tells the others of; what is over it counts only here. @default 10_000 */
  readonly limit?: number
}

/** Who is on a topic, in all processes that share the log. */
export interface Attendees {
  /** Streams that name the topic; those that only have a pattern for it are not counted. */
  readonly streams: number
  /** The `who` of their subscriptions, each once, sorted. */
  readonly people: readonly string[]
}

/** Who is there. What happens in this process counts at once, what happens elsewhere about a second later. */
export interface Presence {
  /** Throws `TypeError` when the hub was made without `presence`. */
  of(topic: string): Attendees
  /**
   * Gives who is there now, then again whenever that changed, the newest only. Ends with the signal or the hub.
   * @example
   * sse(req, res, async function* ({ signal }) {
   *   for await (const { streams } of hub.presence.follow("room/7", signal)) yield { event: "presence", data: { streams } }
   * })
   */
  follow(topic: string, signal?: AbortSignal): AsyncGenerator<Attendees, void, undefined>
}

/** Presence as the hub holds it. */
export interface OpenPresence extends Presence {
  /** Tells the others that this process is gone. */
  close(): Promise<void>
}

const TICKS_A_BEAT = 5

interface Told {
  readonly streams: number
  readonly people: ReadonlySet<string>
}

/** Counts this process's streams; undefined when nothing is to be counted. Throws `TypeError` for options that are none. */
export function createAttendance(options: PresenceOptions | boolean | undefined): Attendance | undefined {
  if (options === undefined || options === false) return undefined
  const given = options === true ? {} : options
  checkNames("createHub's presence", given, ["patterns", "every", "limit"])
  const { patterns = ["*"] } = given
  if (!Array.isArray(patterns)) {
    throw new TypeError(`createHub: \`presence.patterns\` must be an array of strings, not ${kindOf(patterns)}.`)
  }
  const matchers = patterns.map(compilePattern)
  return new Attendance((topic) => matchers.some((matches) => matches(topic)))
}

export const noPresence: OpenPresence = {
  of: refuse,
  follow: refuse,
  close: async () => {},
}

function refuse(): never {
  throw new TypeError("Presence is disabled. Enable it with createHub({ presence: true }).")
}

/** Adds up what this process counts and what the others tell, and tells the others. Nothing but the log is between them. */
export function createPresence(options: PresenceOptions, attendance: Attendance, insides: Insides): OpenPresence {
  const every = durationOf("presence.every", options.every, 1_000)
  const { limit = 10_000 } = options
  const { core } = insides
  const { clock } = core
  const me = createEpoch()
  const peers = new Peers()
  /** What the others were told, of topics and people `size` together. */
  const told = new Map<string, Told>()
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

  attendance.onChange = (topic) => {
    dirty.add(topic)
    changes([topic])
  }

  const untap = core.taps.add(
    {
      onEntry({ data }) {
        const heard = readTelling(data)
        if (!heard) return
        const { from } = heard
        if (from === me) {
          if (heard.beat) changes(peers.missBeat())
        } else if (heard.leaves) changes(peers.forget(from))
        else if (!heard.anew && !peers.has(from)) asks = true
        else {
          if (heard.asks) anew = true
          changes(peers.take(heard))
        }
      },
      onInterrupt() {
        changes(peers.forgetAll())
        asks = true
      },
    },
    PRESENCE_TOPIC,
  )

  function changeOf(topic: string): Change | undefined {
    const now = attendance.at(topic)
    const before = told.get(topic)
    if (!now && !before) return undefined
    if (now && !before && size >= limit) return tooMany()
    const went = before ? [...before.people].filter((who) => !now?.people.has(who)) : []
    size -= went.length + (before && !now ? 1 : 0)
    if (now && !before) size++
    const came = now ? [...now.people.keys()].filter((who) => !before?.people.has(who)) : []
    if (came.length > limit - size) {
      tooMany()
      came.length = Math.max(0, limit - size)
    }
    size += came.length
    if (!now) told.delete(topic)
    else {
      const people = new Set(before?.people)
      for (const who of went) people.delete(who)
      for (const who of came) people.add(who)
      told.set(topic, { streams: now.streams, people })
    }
    return [topic, now?.streams ?? 0, came, went]
  }

  function tooMany(): undefined {
    report(
      "limit",
      new RangeError(`presence: others are told of ${limit} topics and people only: raise presence.limit`),
    )
  }

  /** Each kind of trouble once, until it is over. */
  function report(kind: unknown, error: unknown): void {
    if (kind === reported) return
    reported = kind
    core.onError(error)
  }

  async function tell(beat: boolean): Promise<void> {
    const isAll = anew || asks
    const topics = [...(isAll ? attendance.topics() : dirty)]
    if (isAll) forgetTold()
    const heads = { ...(isAll && { anew: true as const }), ...(asks && { asks: true as const }) }
    const didAsk = asks
    dirty.clear()
    anew = asks = false
    const list = topics.map(changeOf).filter((change) => change !== undefined)
    try {
      await insides.append(writeTelling({ from: me, ...heads, ...(beat && { beat: true as const }), changes: list }))
      if (reported !== "limit") reported = undefined
    } catch (error) {
      // what arrived of it, if anything, is not known
      anew = true
      asks ||= didAsk
      if (!core.isClosed) report(error instanceof OnwardError ? error.code : error, error)
    }
  }

  function forgetTold(): void {
    told.clear()
    size = 0
  }

  async function tick(): Promise<void> {
    const isAlone = peers.size === 0
    const beat = !isAlone && ++ticks >= TICKS_A_BEAT
    if (beat) ticks = 0
    if (asks || (!isAlone && (anew || dirty.size > 0 || beat))) await (telling = tell(beat))
    else if (isAlone) {
      // nobody to tell: whoever comes is told everything
      dirty.clear()
      forgetTold()
      anew = true
    }
    if (!core.isClosed) cancel = clock.after(every, () => void tick())
  }

  void core.tail.ready.then(() => {
    if (!core.isClosed) void tick()
  })

  const of = (topic: string): Attendees => {
    const here = attendance.at(topic)
    const people = new Set([...(here?.people.keys() ?? []), ...peers.people(topic)])
    return { streams: (here?.streams ?? 0) + peers.streams(topic), people: [...people].sort() }
  }

  async function* follow(topic: string, signal?: AbortSignal): AsyncGenerator<Attendees, void, undefined> {
    let last = ""
    let wake = (): void => {}
    const woken = (): void => wake()
    const isOver = (): boolean => signal?.aborted === true || core.isClosed
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
    follow,
    async close() {
      cancel()
      untap()
      for (const all of followers.values()) for (const wake of all) wake()
      await telling
      // whoever does not hear of it misses our beats
      if (peers.size > 0) await core.log.append(writeTelling({ from: me, leaves: true })).catch(() => {})
    },
  }
}
