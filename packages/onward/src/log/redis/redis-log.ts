import { checkClock, systemClock, type Clock } from "../../clock.ts"
import { OnwardError } from "../../errors.ts"
import type { Position } from "../../message.ts"
import { checkNames } from "../../options.ts"
import type { Landmark, Log, Retention } from "../log.ts"
import { MAX_REMOVED_POSITIONS } from "../removed-positions.ts"
import { MAX_SAME_ID, whereaboutsOf } from "../names.ts"
import { formatPosition } from "../position.ts"
import { DEFAULT_RETENTION, limitsOf, RETENTION_NAMES, SWEEP_MS } from "../retention.ts"
import { timeoutOf } from "../timeout.ts"
import { connectionOf, type RedisClient } from "./client.ts"
import { nameOfId } from "./codec.ts"
import { readPage, wordsOfTopics } from "./read-page.ts"
import { Store } from "./store.ts"
import { listen } from "./wake.ts"
import { Writer } from "./writer.ts"

export interface RedisLogOptions {
  /** The log's name in Redis: its keys start with `onward:{name}`. No braces. @default "log" */
  readonly name?: string
  /** What is kept. Redis holds it in memory. @default 100,000 entries, 64 MiB */
  readonly retention?: Retention
  /** How long a call waits for Redis, in milliseconds, before it rejects with `log_unavailable`. @default 5_000 */
  readonly timeout?: number
  /** The clock for the time and age of entries, for tests. @default the clock of the Redis server */
  readonly clock?: Clock
}

/**
 * A log in Redis 7 or newer, which any number of processes share. `client` is one of ioredis (`Redis`, `Cluster`) or
 * of redis (`createClient`, `createCluster`, `createSentinel`), connected or connecting; the log closes only the connection it
 * adds to wait for news. What an acknowledgement promises depends on the server's settings, see docs/redis.md.
 *
 * Throws a `TypeError` when `client` is neither. What is wrong with the server, its calls tell.
 *
 * @example
 * const hub = createHub({ log: redisLog(new Redis("redis://127.0.0.1")) })
 */
export function redisLog(client: RedisClient, options: RedisLogOptions = {}): Log {
  checkNames("redisLog", options, ["name", "retention", "timeout", "clock", ...RETENTION_NAMES])
  const { name = "log", retention = DEFAULT_RETENTION, clock } = options
  if (clock !== undefined) checkClock("redisLog", clock)
  if (typeof name !== "string" || !/^[^{}]+$/.test(name)) {
    throw new TypeError(`redisLog: \`name\` must be a non-empty string without braces, not ${JSON.stringify(name)}.`)
  }
  const timeout = timeoutOf("redisLog", options.timeout)
  const limits = limitsOf(retention)
  const hasTopicLimits = limits.topicCount < Infinity || limits.topicBytes < Infinity
  const limitWords = [
    limits.count,
    limits.bytes,
    limits.age,
    limits.topicCount,
    limits.topicBytes,
    MAX_REMOVED_POSITIONS,
  ].map((limit) => (limit === Infinity ? "" : String(limit)))
  const connection = connectionOf(client)
  const key = `onward:{${name}}`
  const store = new Store(connection, key, timeout)
  const watchers = new Set<{ readonly wake: (newest?: Position) => void }>()
  const underWay = new Set<Promise<unknown>>()
  let stopListening: (() => void) | undefined
  let closing: Promise<void> | undefined
  let tidying: Promise<void> | undefined

  const wakeAll = (newest?: Position): void => {
    for (const { wake } of watchers) wake(newest)
  }
  const writer = new Writer(store, { limits: limitWords, onStored: wakeAll, onBehind: tidy })

  /** What is too old goes while nobody appends, too. */
  let stopSweeping = limits.age < Infinity ? systemClock.after(SWEEP_MS, sweepAgain) : () => {}

  function sweepAgain(): void {
    tidy()
    stopSweeping = systemClock.after(SWEEP_MS, sweepAgain)
  }

  /** Runs a call unless the log is closed, and lets close wait for it. */
  async function call<T>(run: () => Promise<T>): Promise<T> {
    if (closing) throw new OnwardError("log_closed", "the log is closed: create a new one")
    const running = run()
    underWay.add(running)
    try {
      return await running
    } finally {
      underWay.delete(running)
    }
  }

  /** Removes in steps, so that others get their turns, until nothing is over its limits. */
  async function sweep(): Promise<void> {
    let cursor = "0"
    for (;;) {
      const { results } = await store.call("sweep", [...limitWords, String(clock?.now() ?? ""), cursor])
      const [next, isBehind] = results as [string, number]
      // with more to remove, the same topics are looked at again
      if (!isBehind) cursor = hasTopicLimits ? next : "0"
      if (!isBehind && cursor === "0") return
    }
  }

  /** Sweeps when there is time for it; what fails will be tried by the next append. */
  function tidy(): void {
    if (closing || tidying) return
    tidying = call(sweep)
      .catch(() => {})
      .finally(() => (tidying = undefined))
  }

  async function locate(landmark: Landmark): Promise<Position | undefined> {
    const { epoch, results } = await store.call("locate", wordsOfLandmark(landmark))
    const [found, all = []] = results as [string, string[]?]
    let place = found === "" ? Infinity : Number(found)
    const matches = "id" in landmark ? whereaboutsOf(landmark).matches : undefined
    for (let i = 0; i < all.length; i += 2) {
      if (matches?.(all[i] as string)) place = Math.min(place, Number(all[i + 1]))
    }
    return place === Infinity ? undefined : formatPosition(epoch, place)
  }

  async function bounds() {
    const { epoch, first, last } = await store.call("bounds")
    return { first: formatPosition(epoch, first), last: formatPosition(epoch, last) }
  }

  async function watch(wake: (newest?: Position) => void): Promise<() => Promise<void>> {
    const watcher = { wake }
    watchers.add(watcher)
    stopListening ??= listen(connection, key, wakeAll)
    return async () => {
      watchers.delete(watcher)
      if (watchers.size > 0) return
      stopListening?.()
      stopListening = undefined
    }
  }

  async function close(): Promise<void> {
    stopSweeping()
    stopListening?.()
    await Promise.allSettled(underWay)
    watchers.clear()
    store.close()
  }

  return {
    append: (messages) => call(async () => writer.append(messages, clock?.now())),
    read: (query) => call(() => readPage(store, query)),
    bounds: () => call(bounds),
    locate: (landmark) => call(() => locate(landmark)),
    watch: (wake) => call(() => watch(wake)),
    trim: () => call(sweep),
    close: () => (closing ??= close()),
  }
}

function wordsOfLandmark(landmark: Landmark): string[] {
  if ("id" in landmark) {
    const { topics, matches } = whereaboutsOf(landmark)
    return ["id", nameOfId(landmark.id), matches ? String(MAX_SAME_ID) : "0", ...wordsOfTopics(topics)]
  }
  if ("since" in landmark) return ["since", String(landmark.since)]
  return ["last", String(landmark.last), ...wordsOfTopics(landmark.topics)]
}
