import type { Hub, Log } from "onward"

/** Publishes one event for each of `data`, with the next number as `n`. Resolves with the first and last number. */
export type PublishNumbered = (data: readonly object[]) => Promise<{ readonly first: number; readonly last: number }>

/**
 * Creates a publisher that numbers the events of one topic 1, 2, 3, …, so that a page can detect missing ones. It continues after the last
 * number in the log, and uses a number again if its event was not stored.
 */
export async function createNumbered(hub: Hub, log: Log, topic: string, event: string): Promise<PublishNumbered> {
  let number = await lastNumber(log, topic)
  let before: Promise<unknown> = Promise.resolve()

  async function publish(data: readonly object[]): Promise<{ first: number; last: number }> {
    const first = number + 1
    await hub.publishMany(data.map((each, i) => ({ topic, event, data: { n: first + i, ...each } })))
    number += data.length
    return { first, last: number }
  }

  return (data) => {
    const result = before.then(() => publish(data))
    before = result.catch(() => {})
    return result
  }
}

async function lastNumber(log: Log, topic: string): Promise<number> {
  const topics = [topic]
  const after = await log.locate({ last: 1, topics })
  if (after === undefined) return 0
  const { entries } = await log.read({ after, topics, limit: 1 })
  const { n } = JSON.parse(entries[0]?.data ?? "{}") as { readonly n?: number }
  return n ?? 0
}
