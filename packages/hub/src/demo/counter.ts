import type { Log } from "onward"

/** Numbers the entries of one topic 1, 2, 3 …, on from what the log holds, so that a page can tell when one is missing. */
export async function createCounter(log: Log, topic: string): Promise<() => number> {
  let number = await lastNumber(log, topic)
  return () => ++number
}

async function lastNumber(log: Log, topic: string): Promise<number> {
  const topics = [topic]
  const after = await log.locate({ last: 1, topics })
  if (after === undefined) return 0
  const { entries } = await log.read({ after, topics, limit: 1 })
  const { n } = JSON.parse(entries[0]?.data ?? "{}") as { readonly n?: number }
  return n ?? 0
}
