import type { Position } from "onward/log"
import { backoff } from "./backoff.ts"
import type { Webhook } from "./options.ts"
import type { Progress } from "./record.ts"
import type { Outcome, Send } from "./send.ts"
import type { Timing } from "./timing.ts"

/** Deliveries that are under way at once. */
const MAX_AT_ONCE = 8
/** An event that could not be delivered for this long is dropped, in ms. */
const GIVE_UP_MS = 3 * 86_400_000
/** A receiver that fails now and then is reported this often, in ms. */
const REPORT_MS = 60_000
/** Longest wait that a receiver can ask for, in ms. */
const MAX_RETRY_AFTER = 3_600_000

/** An event on its way to a receiver. */
export interface Delivery {
  readonly position: Position
  /** What it must keep the order with: a topic, or a stream. */
  readonly key: string
  /** When it happened, in ms since 1970. */
  readonly time: number
  readonly body: string
}

interface Pending extends Delivery {
  failures: number
}

/** How the deliveries of a webhook go, for operators. Times are in ms since 1970. */
export interface WebhookStatus {
  /** Its name, else the host of its URL. */
  readonly name: string
  readonly host: string
  readonly events: readonly string[]
  /** Whether this process delivers; one of all hubs does. */
  readonly isDelivering: boolean
  /** Events that wait. */
  readonly waiting: number
  /** Attempts of this process by their outcome, and events that were dropped. */
  readonly outcomes: Readonly<Record<Outcome | "dropped", number>>
  readonly deliveredAt: number | undefined
  /** Why the last attempts failed; undefined after one that succeeded. */
  readonly failing: { readonly since: number; readonly attempts: number; readonly reason: string } | undefined
}

export interface DeliveriesOptions {
  readonly hook: Webhook
  readonly send: Send
  readonly timing: Timing
  /** Most events that wait. Beyond it the oldest is dropped. */
  readonly maxPending: number
  /** Whether this hub may deliver now. */
  readonly mayDeliver: () => boolean
  readonly onProgress: () => void
  readonly report: (message: string) => void
}

/** The events that wait for one webhook, in the order of the queue. Every hub keeps them; the one that holds the lease delivers them. */
export class Deliveries {
  #options: DeliveriesOptions
  /** By position, in order. */
  readonly #pending = new Map<Position, Pending>()
  /** By key, in order: the first of each is sent next. */
  readonly #byKey = new Map<string, Pending[]>()
  /** Keys whose first event can be sent, in order. */
  #ready = new Set<string>()
  readonly #done = new Set<Position>()
  readonly #waits = new Map<string, () => void>()
  #upTo: Position | undefined
  #seen: Position = ""
  #underWay = 0
  #failures = 0
  #reportedAt = -Infinity
  readonly #outcomes = { delivered: 0, status: 0, timeout: 0, unreachable: 0, private_address: 0, dropped: 0 }
  #deliveredAt: number | undefined
  #failing: WebhookStatus["failing"]
  #cancelPause: (() => void) | undefined
  #stop: AbortController | undefined

  constructor(options: DeliveriesOptions) {
    this.#options = options
  }

  /** Uses other settings from now on, of a webhook with the same key. Events that wait stay as they are. */
  use({ hook, send }: Pick<DeliveriesOptions, "hook" | "send">): void {
    this.#options = { ...this.#options, hook, send }
    // the mistake may be mended
    if (!this.#stop) return
    this.stop()
    this.start()
  }

  get status(): WebhookStatus {
    const { label, url, events } = this.#options.hook
    return {
      name: label,
      host: url.host,
      events: [...events],
      isDelivering: this.#stop !== undefined && this.#options.mayDeliver(),
      waiting: this.#pending.size,
      outcomes: { ...this.#outcomes },
      deliveredAt: this.#deliveredAt,
      failing: this.#failing,
    }
  }

  /** An entry of the queue was read: `delivery` if it is for this webhook. */
  take(position: Position, delivery: Delivery | undefined): void {
    this.#seen = position
    // where it begins, a record can say that is still to come
    if (!delivery || (this.#upTo !== undefined && position <= this.#upTo) || this.#done.has(position)) return
    const pending: Pending = { ...delivery, failures: 0 }
    this.#pending.set(position, pending)
    const same = this.#byKey.get(delivery.key)
    if (same) same.push(pending)
    else {
      this.#byKey.set(delivery.key, [pending])
      this.#ready.add(delivery.key)
    }
    const { maxPending } = this.#options
    if (this.#pending.size > maxPending) this.#dropOldest(`more than ${maxPending} events wait`)
    this.#pump()
  }

  /** What a hub has recorded as delivered. */
  hear({ upTo, done }: Progress): void {
    // of this process, which knows it already
    if (this.#stop) return
    if (this.#upTo === undefined || upTo > this.#upTo) this.#upTo = upTo
    this.#done.clear()
    for (const position of done) this.#done.add(position)
    for (const pending of [...this.#pending.values()]) {
      if (pending.position <= upTo || this.#done.has(pending.position)) this.#remove(pending)
    }
  }

  /** What is delivered, to be recorded. */
  progress(): Progress {
    this.#upTo ??= ""
    this.#advance()
    return { hook: this.#options.hook.key, upTo: this.#upTo, done: [...this.#done] }
  }

  /** Everything before the oldest event that waits is done, and needs no list. */
  #advance(): void {
    if (this.#upTo === undefined) return
    const [oldest] = this.#pending.keys()
    if (oldest === undefined && this.#seen > this.#upTo) this.#upTo = this.#seen
    for (const position of oldest === undefined ? [] : this.#done) {
      if (position < (oldest ?? "") && position > this.#upTo) this.#upTo = position
    }
    for (const position of this.#done) if (position <= this.#upTo) this.#done.delete(position)
  }

  /** All of the queue was read: a webhook of which no progress is recorded gets what happens from now on. */
  begin(): void {
    if (this.#upTo !== undefined) return
    for (const pending of [...this.#pending.values()]) this.#remove(pending)
    this.#upTo = this.#seen
  }

  /** This hub delivers from now on. */
  start(): void {
    if (this.#stop) return
    this.#stop = new AbortController()
    this.#failures = 0
    this.#pump()
  }

  /** The hub may deliver again. */
  resume(): void {
    this.#pump()
  }

  /** Another hub delivers. What is under way is cut, and repeated by the other. */
  stop(): void {
    this.#stop?.abort()
    this.#stop = undefined
    this.#cancelPause?.()
    this.#cancelPause = undefined
    for (const cancel of this.#waits.values()) cancel()
    this.#waits.clear()
    this.#ready = new Set(this.#byKey.keys())
    for (const pending of this.#pending.values()) pending.failures = 0
  }

  #pump(): void {
    const { mayDeliver } = this.#options
    // after a failure one delivery at a time finds out whether the receiver is there again
    const most = this.#failures > 0 ? 1 : MAX_AT_ONCE
    while (this.#stop && !this.#cancelPause && this.#underWay < most && mayDeliver()) {
      const [key] = this.#ready
      if (key === undefined) return
      this.#ready.delete(key)
      const [first] = this.#byKey.get(key) ?? []
      if (first) void this.#deliver(first, this.#stop)
    }
  }

  async #deliver(pending: Pending, stop: AbortController): Promise<void> {
    const { timing, send, maxPending, onProgress } = this.#options
    this.#underWay++
    const { outcome, failure, retryAfter = 0 } = await send(pending.position, pending.body, timing.now(), stop.signal)
    this.#underWay--
    if (stop.signal.aborted) return this.#pump()
    this.#outcomes[outcome]++
    if (failure === undefined) {
      this.#failures = 0
      this.#failing = undefined
      this.#deliveredAt = timing.now()
      this.#done.add(pending.position)
      this.#remove(pending)
      if (this.#done.size > maxPending) this.#advance()
      // one event that its receiver never accepts must not make the list of those after it grow
      if (this.#done.size > maxPending) this.#dropOldest(`${maxPending} events after it are delivered`)
      onProgress()
    } else {
      this.#fail(pending, failure, Math.min(retryAfter, MAX_RETRY_AFTER))
    }
    this.#pump()
  }

  #fail(pending: Pending, failure: string, retryAfter: number): void {
    const { timing, hook, report } = this.#options
    const { since = timing.now(), attempts = 0 } = this.#failing ?? {}
    this.#failing = { since, attempts: attempts + 1, reason: failure }
    if (timing.now() - pending.time > GIVE_UP_MS) return this.#drop(pending, failure)
    pending.failures++
    this.#failures++
    if (this.#failures === 1 && timing.monotonic() - this.#reportedAt > REPORT_MS) {
      this.#reportedAt = timing.monotonic()
      report(`The webhook at ${hook.url.host} failed: ${failure}. It is tried again, at most an hour later.`)
    }
    const wait = Math.max(retryAfter, backoff(pending.failures, timing.random()))
    const { key } = pending
    this.#waits.set(
      key,
      timing.after(wait, () => {
        this.#waits.delete(key)
        this.#ready.add(key)
        this.#pump()
      }),
    )
    // other topics wait as well, so that a receiver that is away is not asked for each
    this.#cancelPause ??= timing.after(backoff(this.#failures, timing.random()), () => {
      this.#cancelPause = undefined
      this.#pump()
    })
  }

  #dropOldest(why: string): void {
    const [oldest] = this.#pending.values()
    if (oldest) this.#drop(oldest, why)
  }

  #drop(pending: Pending, why: string): void {
    const { hook, report, onProgress } = this.#options
    if (this.#stop) {
      onProgress()
      this.#outcomes.dropped++
      report(`The webhook at ${hook.url.host} does not get the event ${pending.position}: ${why}.`)
    }
    this.#done.add(pending.position)
    this.#remove(pending)
    this.#advance()
  }

  #remove({ position, key }: Pending): void {
    this.#pending.delete(position)
    const same = this.#byKey.get(key) ?? []
    const at = same.findIndex((each) => each.position === position)
    if (at < 0) return
    same.splice(at, 1)
    if (same.length > 0) {
      if (at === 0 && !this.#waits.has(key)) this.#ready.add(key)
      return
    }
    this.#byKey.delete(key)
    this.#ready.delete(key)
    this.#waits.get(key)?.()
    this.#waits.delete(key)
  }
}
