import type { Presence, PresenceChange } from "onward"
import type { Announced } from "./announced.ts"
import type { WebhookEvent } from "./options.ts"
import { EVENTS, STATE, type QueuedEvent } from "./record.ts"
import type { Timing } from "./timing.ts"

/** Most topics that are compared, and events that are stored, at once. */
const BATCH = 200
/** How often the announced state is recorded again, in ms, so that retention does not take it. */
const STATE_MS = 3_600_000
/** After how long what the log did not take is tried again, in ms. */
const RETRY_MS = 1_000

const EVENT_OF: Readonly<Record<PresenceChange["kind"], WebhookEvent>> = {
  occupied: "topic.occupied",
  vacated: "topic.vacated",
  joined: "user.joined",
  left: "user.left",
}

export interface AnnouncerOptions {
  readonly timing: Timing
  /** How long this hub must have run before it says that users left, in ms. */
  readonly settle: number
  /** As presence of this process says, and as the queue says. */
  readonly present: Announced
  readonly announced: Announced
  /** Whether this hub delivers. */
  readonly isMine: () => boolean
  /** Stores entries, and resolves when this hub has read them. */
  readonly append: (topic: string, records: readonly object[]) => Promise<void>
  readonly report: (error: unknown) => void
}

export interface Announcer {
  /** Watches presence of these topics; `hasUsers` when webhooks are told of users. */
  watch(presence: Presence, watched: { topics: string[]; patterns: string[] }, hasUsers: boolean): void
  /** This hub delivers from now on. */
  start(): void
  stop(): void
  close(): void
}

/** Puts into the queue what differs between presence and what was announced, while this hub holds the lease. */
export function createAnnouncer(options: AnnouncerOptions): Announcer {
  const { timing, settle, present, announced, isMine, append, report } = options
  const startedAt = timing.monotonic()
  /** Topics on which the two can differ. */
  const dirty = new Set<string>()
  /** Comparing and recording the state, one after the other: a state must hold every event that was stored before it. */
  let turn: Promise<void> = Promise.resolve()
  let isComparing = false
  let isClosed = false
  let presence: Presence | undefined
  let stopWatching = (): void => {}
  let cancelCompare: (() => void) | undefined
  let cancelState: (() => void) | undefined
  const cancelSettled = timing.after(settle, compareAll)

  const mayAnnounce = (): boolean => isMine() && !isClosed

  function compareSoon(delay: number): void {
    if (delay > 0) {
      cancelCompare ??= timing.after(delay, () => {
        cancelCompare = undefined
        compareSoon(0)
      })
    } else if (!isComparing) {
      isComparing = true
      turn = turn.then(compare)
    }
  }

  async function compare(): Promise<void> {
    isComparing = false
    while (dirty.size > 0 && mayAnnounce()) {
      const topics = [...dirty].slice(0, BATCH)
      for (const topic of topics) dirty.delete(topic)
      try {
        const events = topics.flatMap(eventsOn)
        for (let at = 0; at < events.length; at += BATCH) await append(EVENTS, events.slice(at, at + BATCH))
      } catch (error) {
        if (mayAnnounce()) report(error)
        for (const topic of topics) dirty.add(topic)
        return compareSoon(RETRY_MS)
      }
    }
  }

  function eventsOn(topic: string): QueuedEvent[] {
    const streams = presence?.of(topic).streams ?? 0
    const isSettled = timing.monotonic() - startedAt >= settle
    return [...present.since(announced, topic)]
      .filter(({ event }) => isSettled || event === "topic.occupied" || event === "user.joined")
      .map((event) => ({ ...event, streams }))
  }

  /** Compares all topics, because another hub did until now, or this one did not know enough. */
  function compareAll(): void {
    for (const topic of present.topics()) dirty.add(topic)
    for (const topic of announced.topics()) dirty.add(topic)
    compareSoon(0)
  }

  async function recordState(): Promise<void> {
    if (!mayAnnounce()) return
    await append(STATE, announced.parts()).catch((error: unknown) => {
      if (mayAnnounce()) report(error)
    })
  }

  function recordStates(): void {
    turn = turn.then(recordState)
    cancelState = timing.after(STATE_MS, recordStates)
  }

  return {
    watch(given, watched, hasUsers) {
      presence = given
      stopWatching = given.watch(watched, ({ kind, topic, userId }) => {
        if (userId !== undefined && !hasUsers) return
        present.apply({ event: EVENT_OF[kind], topic, ...(userId !== undefined && { userId }) })
        // a hub without the lease compares all topics when it gets it
        if (!isMine()) return
        dirty.add(topic)
        compareSoon(0)
      })
    },
    start() {
      recordStates()
      compareAll()
    },
    stop() {
      cancelState?.()
    },
    close() {
      isClosed = true
      stopWatching()
      for (const cancel of [cancelCompare, cancelState, cancelSettled]) cancel?.()
    },
  }
}
