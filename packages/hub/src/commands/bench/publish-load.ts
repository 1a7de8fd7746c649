import { setTimeout as sleep } from "node:timers/promises"
import { sendBatch } from "../publish/send-batch.ts"
import type { Server } from "../server.ts"

/** How often a publisher sends what is due, in ms. */
const TICK_MS = 10
/** How long a publisher retries, in ms. */
const RETRY_MS = 5_000
const MAX_BATCH = 500

interface LoadOptions {
  readonly server: Server
  /** The names of the topics, of which each publisher has its own. */
  readonly topics: readonly string[]
  readonly publishers: number
  readonly rate: number
  readonly size: number
  readonly duration: number
}

/** What was published. */
export interface Published {
  /** The newest number on each topic. */
  readonly last: readonly number[]
  readonly messages: number
  /** The longest time that a message was sent after it was due, in ms. */
  readonly behind: number
}

/** Publishes numbered messages at a rate, each topic in its order. Rejects with an `OnwardError` when the hub does not store them. */
export async function publishLoad({
  server,
  topics,
  publishers,
  rate,
  size,
  duration,
}: LoadOptions): Promise<Published> {
  const last = topics.map(() => 0)
  const padding = "x".repeat(size)
  let behind = 0
  const isOver = { value: false }

  /** `{"n":<number>,"t":<ms>,"p":"xxx…"}`, of `size` bytes. */
  function dataOf(number: number, now: number): string {
    const start = `{"n":${number},"t":${now},"p":"`
    return `${start}${padding.slice(0, Math.max(0, size - start.length - 2))}"}`
  }

  async function run(publisher: number): Promise<void> {
    const mine = topics.flatMap((name, at) => (at % publishers === publisher ? [{ name, at }] : []))
    const startedAt = performance.now()
    const perMs = (rate * mine.length) / topics.length / 1_000
    for (let sent = 0; !isOver.value;) {
      const now = performance.now()
      const elapsed = Math.min(duration, now - startedAt)
      const due = Math.floor(elapsed * perMs)
      if (due === sent) {
        if (elapsed === duration) return
        await sleep(Math.min(TICK_MS, duration - elapsed))
        continue
      }
      behind = Math.max(behind, now - startedAt - sent / perMs)
      const to = Math.min(due, sent + MAX_BATCH)
      const messages = Array.from({ length: to - sent }, (_, each) => {
        const { name, at } = mine[(sent + each) % mine.length] as { name: string; at: number }
        const number = (last[at] = (last[at] ?? 0) + 1)
        return {
          topic: name,
          json: JSON.stringify({ topic: name, data: dataOf(number, now), idempotencyKey: `${name}/${number}` }),
        }
      })
      await sendBatch({ messages, first: sent + 1 }, { server, timeout: RETRY_MS, onRetry() {} })
      sent = to
    }
  }

  try {
    await Promise.all(Array.from({ length: publishers }, (_, publisher) => run(publisher)))
  } finally {
    isOver.value = true
  }
  return { last, messages: last.reduce((sum, each) => sum + each, 0), behind }
}
