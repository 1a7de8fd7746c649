import { randomUUID } from "node:crypto"
import type { HubObservation, Presence } from "onward"
import type { Entry, Log, Position } from "onward/log"
import { followLog } from "../follow-log.ts"
import { Announced } from "./announced.ts"
import { createAnnouncer } from "./announcer.ts"
import { Deliveries, type Delivery, type WebhookStatus } from "./deliveries.ts"
import { createLease, type Lease } from "./lease.ts"
import type { Webhook, WebhookEvent } from "./options.ts"
import {
  EVENTS,
  isEvent,
  isLease,
  isProgress,
  isState,
  LEASE,
  PROGRESS,
  readRecord,
  STATE,
  type LeaseRecord,
  type Progress,
  type QueuedEvent,
  type StateRecord,
} from "./record.ts"
import { createSend } from "./send.ts"
import { createStreamEvents } from "./stream-events.ts"
import { systemTiming, type Timing } from "./timing.ts"

/** How long a hub that delivers may be silent before another takes over, in ms. */
const LEASE_MS = 10_000
/** How long a hub must have run before it says that users left, in ms: longer than presence takes to learn of other processes. */
const SETTLE_MS = 8_000
/** Progress is recorded this long after a delivery, in ms: what was delivered since is repeated when the hub is killed. */
const PROGRESS_MS = 200
const MAX_PENDING = 10_000

export interface WebhooksOptions {
  readonly hooks: readonly Webhook[]
  /** Opens the queue: a log of its own, which all hubs share. */
  readonly openQueue: () => Promise<Log>
  readonly report: (error: unknown) => void
  /** @default the machine's */
  readonly timing?: Timing
  readonly lease?: number
  readonly settle?: number
}

export interface Webhooks {
  /** For the option `observe` of the hub. */
  observe(observation: HubObservation): void
  /** Watches presence from now on. */
  watch(presence: Presence): void
  /** Whether this hub delivers. */
  readonly isDelivering: boolean
  /** How the deliveries of each webhook go. */
  status(): WebhookStatus[]
  /** Uses other webhooks from now on, for which `canReload` is true. One that keeps its key keeps its progress; a new one gets what happens from then on. */
  reload(hooks: readonly Webhook[]): void
  /** Lets another hub deliver. Resolves when progress is recorded and the queue is closed. */
  close(): Promise<void>
}

const hasAny = (hooks: readonly Webhook[], ...wanted: WebhookEvent[]): boolean =>
  hooks.some(({ events }) => wanted.some((event) => events.has(event)))

/** Whether any webhook is told of presence, so that the hub must count it. */
export const needPresence = (hooks: readonly Webhook[]): boolean =>
  hasAny(hooks, "topic.occupied", "topic.vacated", "user.joined", "user.left")

/**
 * Whether a hub with some webhooks can go on with others without a restart: it has a queue, and counts presence already where the others need
 * it.
 */
export function canReload(old: readonly Webhook[], next: readonly Webhook[]): boolean {
  const isIn = (some: readonly string[], all: readonly string[]): boolean => some.every((each) => all.includes(each))
  const [before, after] = [watchedBy(old), watchedBy(next)]
  const isWatched = isIn(after.topics, before.topics) && isIn(after.patterns, before.patterns)
  const hasUsers = !hasAny(next, ...USER_EVENTS) || hasAny(old, ...USER_EVENTS)
  return old.length > 0 && isWatched && hasUsers && (!needPresence(next) || needPresence(old))
}

const USER_EVENTS = ["user.joined", "user.left"] as const

/** Topics and patterns whose presence webhooks are told of. */
export const watchedBy = (hooks: readonly Webhook[]): { topics: string[]; patterns: string[] } => {
  const told = hooks.filter((hook) => needPresence([hook]))
  return { topics: told.flatMap(({ topics }) => topics), patterns: told.flatMap(({ patterns }) => patterns) }
}

/**
 * Tells webhooks what happens. All hubs put events into a queue, a log that they share, and read it; one of them, which holds the lease,
 * compares presence with what was announced, and delivers. Another hub that takes over has read the same queue, so it goes on there.
 */
export async function createWebhooks(options: WebhooksOptions): Promise<Webhooks> {
  const { openQueue, timing = systemTiming, lease: period = LEASE_MS, settle = SETTLE_MS } = options
  let { hooks } = options
  const me = randomUUID().slice(0, 13)
  const log = await openQueue()
  const announced = new Announced()
  const control: { lease?: Lease } = {}
  let newest: LeaseRecord | undefined
  let isOpen = false
  let isClosed = false
  let isRecording = false
  let cancelProgress: (() => void) | undefined

  const isMine = (): boolean => control.lease?.isMine ?? false
  const report = (error: unknown): void => {
    if (!isClosed) options.report(error)
  }

  const deliveriesOf = (hook: Webhook): Deliveries =>
    new Deliveries({
      ...{ hook, timing, maxPending: MAX_PENDING, send: createSend(hook) },
      mayDeliver: isMine,
      onProgress: recordSoon,
      report: (message) => report(new Error(message)),
    })
  /** Of each of `hooks`, in their order. */
  let deliveries = hooks.map(deliveriesOf)
  let read: Position = ""

  function onEntry(entry: Entry): void {
    const { topic, position } = entry
    read = position
    if (topic === EVENTS) {
      const event = readRecord<QueuedEvent>(entry, isEvent)
      const isNews = event !== undefined && announced.apply(event)
      for (const [i, hook] of hooks.entries()) {
        deliveries[i]?.take(position, isNews && isFor(hook, event) ? deliveryOf(entry, event) : undefined)
      }
      return
    }
    for (const each of deliveries) each.take(position, undefined)
    if (topic === PROGRESS) {
      const progress = readRecord<Progress>(entry, isProgress)
      if (progress) deliveries[hooks.findIndex(({ key }) => key === progress.hook)]?.hear(progress)
    } else if (topic === LEASE) {
      newest = readRecord<LeaseRecord>(entry, isLease) ?? newest
      if (newest) control.lease?.hear(newest)
    } else if (topic === STATE) {
      const state = readRecord<StateRecord>(entry, isState)
      if (state) announced.restore(state)
    }
  }

  const queue = await followLog(log, {
    onEntry,
    onLost({ reason }) {
      if (isOpen) report(new Error(`The queue of webhooks lost entries (${reason}): some events are not delivered.`))
    },
    onError: report,
  }).catch(async (error: unknown) => {
    await log.close()
    throw error
  })
  isOpen = true
  for (const each of deliveries) each.begin()

  async function append(topic: string, records: readonly object[]): Promise<void> {
    const { positions } = await log.append(records.map((record) => ({ topic, data: JSON.stringify(record) })))
    await queue.reach(positions.at(-1) ?? "")
  }

  function recordSoon(): void {
    cancelProgress ??= timing.after(PROGRESS_MS, () => {
      cancelProgress = undefined
      void record()
    })
  }

  /** Records how far the deliveries are. */
  async function record(): Promise<void> {
    if (isRecording) return recordSoon()
    isRecording = true
    try {
      await append(
        PROGRESS,
        deliveries.map((each) => each.progress()),
      )
    } catch (error) {
      report(error)
      if (!isClosed) recordSoon()
    }
    isRecording = false
  }

  const announcer = createAnnouncer({ timing, settle, present: new Announced(), announced, isMine, append, report })
  const streamEvents = createStreamEvents({
    ...{ me, timing, report },
    isWanted: (event) => hooks.some((hook) => isFor(hook, event)),
    append: (events) => append(EVENTS, events),
    onDropped: () => report(new Error("The log does not take the events of webhooks: some are lost.")),
  })

  control.lease = createLease({
    ...{ me, timing, lease: period },
    async append(lease) {
      const isClaim = lease.isReleased !== true && lease.term !== newest?.term
      const message = { topic: LEASE, data: JSON.stringify(lease) }
      const { positions, previous } = await log.append([
        isClaim ? { ...message, idempotencyKey: `term ${lease.term}` } : message,
      ])
      queue.wake()
      return (positions[0] ?? "") > previous
    },
    onChange(mine) {
      for (const each of deliveries) if (mine) each.start()
      if (mine) {
        announcer.start()
        recordSoon()
        return
      }
      announcer.stop()
      for (const each of deliveries) each.stop()
    },
    onConfirmed() {
      for (const each of deliveries) each.resume()
    },
  })
  if (newest) control.lease.hear(newest)

  return {
    observe: (observation) => streamEvents.observe(observation),
    watch: (presence) => announcer.watch(presence, watchedBy(hooks), hasAny(hooks, ...USER_EVENTS)),
    get isDelivering() {
      return isMine()
    },
    status: () => deliveries.map((each) => each.status),
    reload(next) {
      const known = new Map(hooks.map(({ key }, at) => [key, deliveries[at] as Deliveries]))
      deliveries = next.map((hook) => {
        const kept = known.get(hook.key)
        known.delete(hook.key)
        if (kept) {
          kept.use({ hook, send: createSend(hook) })
          return kept
        }
        const made = deliveriesOf(hook)
        made.take(read, undefined)
        made.begin()
        if (isMine()) made.start()
        return made
      })
      hooks = next
      for (const removed of known.values()) removed.stop()
      // also of a new one, so that a restart goes on where it began
      if (isMine()) recordSoon()
    },
    async close() {
      const wasMine = isMine()
      await streamEvents.close()
      isClosed = true
      announcer.close()
      cancelProgress?.()
      for (const each of deliveries) each.stop()
      if (wasMine) {
        const records = deliveries.map((each) => each.progress())
        await log.append(records.map((each) => ({ topic: PROGRESS, data: JSON.stringify(each) }))).catch(() => {})
      }
      await control.lease?.release()
      await queue.close()
      await log.close()
    },
  }
}

function isFor({ events, covers }: Webhook, { event, topic, topics = [], patterns = [] }: QueuedEvent): boolean {
  if (!events.has(event)) return false
  return topic !== undefined ? covers(topic) : [...topics, ...patterns].some(covers)
}

function deliveryOf({ position, time }: Entry, event: QueuedEvent): Delivery {
  const { event: name, ...about } = event
  const body = JSON.stringify({ id: position, event: name, time: new Date(time).toISOString(), ...about })
  return { position, time, key: event.topic !== undefined ? `topic ${event.topic}` : `stream ${event.stream}`, body }
}
