import { setTimeout as sleep } from "node:timers/promises"
import { monotonic } from "./clock.ts"
import type { LoadOptions } from "./options.ts"
import { Publisher } from "./publisher.ts"
import { Subscriber } from "./subscriber.ts"
import type { Tally } from "./tally.ts"

/** Connections being opened at a time. */
const OPENING = 256

/** Opens all subscribers; the first `stalled` of them stop reading at once. */
export async function openSubscribers(options: LoadOptions, tally: Tally): Promise<Subscriber[]> {
  const subscribers: Subscriber[] = []
  const stalled = options.stalled ?? 0
  await new Promise<void>((resolve, reject) => {
    let open = 0
    const dial = (): void => {
      const index = subscribers.length
      if (index === options.connections) return
      subscribers.push(
        new Subscriber({
          port: options.port,
          path: options.path ?? "/events",
          tally,
          size: options.size ?? 200,
          onOpen: (subscriber) => {
            if (index < stalled) subscriber.stall()
            if (++open === options.connections) resolve()
            dial()
          },
          onClose: (subscriber) => {
            if (!subscriber.isOpen) reject(new Error(`connection ${index} failed: ${tally.faultText}`))
            else tally.fault("the server closed a connection")
          },
        }),
      )
    }
    for (let i = 0; i < OPENING; i++) dial()
  })
  return subscribers
}

/** Publishes as `options` say and waits until everybody has everything or the deadline is there. */
export async function fan(options: LoadOptions, tally: Tally, subscribers: readonly Subscriber[]): Promise<FanResult> {
  const { count = 0, rate = 0, burst = 1, window = burst, stalled = 0, size = 200, grace = 30 } = options
  const live = subscribers.length - stalled
  const sentAt = new Float64Array(count + 1)
  const publisher = new Publisher({ port: options.port, tally, size })
  const started = monotonic()
  const arrived = (): number => (tally.delivered + tally.lost + tally.skipped) / live
  let sent = 0
  let behind = 0
  let idleSince = started
  let seen = 0
  const stuck = (): boolean => {
    if (tally.delivered !== seen) {
      seen = tally.delivered
      idleSince = monotonic()
    }
    return monotonic() - idleSince > 20e9
  }
  while (sent < count && !stuck()) {
    const due = started + (sent / rate) * 1e9
    const now = monotonic()
    const ready = rate > 0 ? now >= due : sent + burst - Math.min(arrived(), publisher.answered) <= window
    if (!ready) {
      await sleep(rate > 0 ? Math.min(50, Math.max(0, Math.floor((due - now) / 1e6))) : 1)
      continue
    }
    if (rate > 0) behind = Math.max(behind, (now - due) / 1e6)
    const to = Math.min(count, sent + burst)
    sentAt.fill(now, sent + 1, to + 1)
    publisher.send(sent + 1, to)
    sent = to
  }
  const published = monotonic()
  const complete = (): boolean => arrived() >= sent && publisher.answered >= sent
  while (!complete() && monotonic() - published < grace * 1e9 && !stuck()) await sleep(5)
  publisher.close()
  if (publisher.answered < sent) tally.fault(`${sent - publisher.answered} publishes were not answered`)
  return { started, behind, sentAt, sent }
}

export interface FanResult {
  readonly started: number
  readonly behind: number
  readonly sent: number
  /** When each event was sent, by number. */
  readonly sentAt: Float64Array
}

/** Counts what did not come, each as old as it is now, so that a deadline does not make the percentiles look better. */
export function countMissing(tally: Tally, subscribers: readonly Subscriber[], { sent, sentAt }: FanResult): number {
  const now = monotonic()
  const without = new Float64Array(sent + 2)
  for (const { lines } of subscribers) {
    const first = lines.sequence.last + 1
    without[first] = (without[first] as number) + 1
  }
  let missing = 0
  for (let number = 1, lacking = 0; number <= sent; number++) {
    lacking += without[number] as number
    if (lacking > 0) tally.latency.add(now - (sentAt[number] as number), lacking)
    missing += lacking
  }
  return missing
}
