import { checkClock, type Clock } from "../../clock.ts"
import type { Position } from "../../message.ts"
import { checkNames } from "../../options.ts"
import type { ForgetQuery, Landmark, Log, Retention } from "../log.ts"
import { MAX_REMOVED_POSITIONS } from "../driver/removed-positions.ts"
import { createGate } from "../driver/gate.ts"
import { MAX_SAME_ID, idScopeOf } from "../driver/id-index.ts"
import { FORGET_STEP } from "../driver/forget.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import { DEFAULT_RETENTION, limitsOf, RETENTION_NAMES } from "../driver/retention.ts"
import { createSweeper } from "../driver/sweeper.ts"
import { timeoutOf } from "../driver/timeout.ts"
import { createWatchers } from "../driver/watchers.ts"
import { connectionOf, type RedisClient } from "./client.ts"
import { nameOfId } from "./codec.ts"
import { readPage, wordsOfTopics } from "./read-page.ts"
import { Store } from "./store.ts"
import { listen } from "./wake.ts"
import { createWriter } from "./writer.ts"

export interface RedisLogOptions {
  /** The log's name in Redis: its keys start with `onward:{name}`. No braces. @default "log" */
  readonly name?: string
  /** The limits on what the log keeps. Redis keeps it in memory. @default 100,000 entries, 64 MiB */
  readonly retention?: Retention
  /** How long a call waits for Redis, in milliseconds, before it rejects with `log_unavailable`. @default 5_000 */
  readonly timeout?: number
  /** The clock for the time and age of entries, for tests. @default the clock of the Redis server */
  readonly clock?: Clock
}

/**
 * Creates a log in Redis 7 or newer, which any number of processes share. `client` is a client of ioredis (`Redis`, `Cluster`) or
 * of redis (`createClient`, `createCluster`, `createSentinel`), connected or connecting. The log does not close it; it adds one
 * connection to wait for new entries. Whether a message survives a failure depends on the settings of the server, see docs/redis.md.
 *
 * Throws a `TypeError` when `client` is neither. Problems with the server are reported by the calls of the log.
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
  const gate = createGate()
  const watchers = createWatchers({ start: () => listen(connection, key, (newest) => watchers.wake(newest)) })

  const sweeper = createSweeper(limits, () => gate.call(sweep))
  const append = createWriter(store, {
    ...{ limits: limitWords, clock },
    onStored: (newest) => watchers.wake(newest),
    onBehind: () => sweeper.sweep(),
  })

  /** Applies retention in steps, so that the server can run other commands between them. */
  async function sweep(): Promise<void> {
    let cursor = "0"
    for (;;) {
      const { results } = await store.call("sweep", [...limitWords, String(clock?.now() ?? ""), cursor])
      const [next, isBehind] = results as [string, number]
      // with more to remove, the next step examines the same topics again
      if (!isBehind) cursor = hasTopicLimits ? next : "0"
      if (!isBehind && cursor === "0") return
    }
  }

  /** In steps, so that others get their turns. */
  async function forget({ topics, upTo }: ForgetQuery): Promise<number> {
    const place = parsePosition(upTo)
    if (!place) return 0
    const words = [place.epoch, String(place.sequence), String(FORGET_STEP), ...wordsOfTopics(topics)]
    for (let removed = 0; ;) {
      const { results } = await store.call("forget", [...limitWords, ...words])
      const now = Number(results[0])
      removed += now
      if (now < FORGET_STEP) return removed
    }
  }

  async function locate(landmark: Landmark): Promise<Position | undefined> {
    const { epoch, results } = await store.call("locate", wordsOfLandmark(landmark))
    const [found, all = []] = results as [string, string[]?]
    let sequence = found === "" ? Infinity : Number(found)
    const matches = "id" in landmark ? idScopeOf(landmark).matches : undefined
    for (let i = 0; i < all.length; i += 2) {
      if (matches?.(all[i] as string)) sequence = Math.min(sequence, Number(all[i + 1]))
    }
    return sequence === Infinity ? undefined : formatPosition(epoch, sequence)
  }

  async function bounds() {
    const { epoch, first, last } = await store.call("bounds")
    return { first: formatPosition(epoch, first), last: formatPosition(epoch, last) }
  }

  async function free(): Promise<void> {
    await watchers.clear()
    store.close()
  }

  return {
    append: (messages) => gate.call(() => append(messages)),
    read: (query) => gate.call(() => readPage(store, query)),
    bounds: () => gate.call(bounds),
    locate: (landmark) => gate.call(() => locate(landmark)),
    watch: (wake) => gate.call(async () => watchers.add(wake)),
    trim: () => gate.call(sweep),
    forget: (query) => gate.call(() => forget(query)),
    close: () => gate.close({ stop: () => sweeper.stop(), free }),
  }
}

function wordsOfLandmark(landmark: Landmark): string[] {
  if ("id" in landmark) {
    const { topics, matches } = idScopeOf(landmark)
    return ["id", nameOfId(landmark.id), matches ? String(MAX_SAME_ID) : "0", ...wordsOfTopics(topics)]
  }
  if ("since" in landmark) return ["since", String(landmark.since)]
  return ["last", String(landmark.last), ...wordsOfTopics(landmark.topics)]
}
