import type { Counters, Topic } from "./counters.ts"
import { segmentOf } from "./schema.ts"
import type { WriterSql } from "./writer-sql.ts"

interface Place {
  readonly counters: Counters
  readonly sql: WriterSql
}

/** Removes entries up to a sequence number, of these topics or of all, at most `budget`; returns how many. Called in a transaction. */
export function forgetEntries(
  place: Place,
  topics: readonly string[] | undefined,
  upTo: number,
  budget: number,
): number {
  if (!topics) return forgetOldest(place, upTo, budget)
  let removed = 0
  for (const name of new Set(topics)) {
    const topic = place.counters.existing(name)
    if (topic) removed += forgetTopic(place, topic, upTo, budget - removed)
  }
  return removed
}

function forgetOldest({ counters, sql }: Place, upTo: number, budget: number): number {
  let last = 0
  let removed = 0
  for (const row of sql.oldest.all(budget)) {
    if ((row["sequence"] as number) > upTo) break
    last = row["sequence"] as number
    counters.removed(counters.topicWithId(row["topic"] as number), last, row["size"] as number)
    removed++
  }
  sql.deleteUpTo.run(last)
  return removed
}

function forgetTopic({ counters, sql }: Place, topic: Topic, upTo: number, budget: number): number {
  if (topic.count === 0) return 0
  const oldest = sql.oldest.get(1)?.["sequence"] as number
  let removed = 0
  let segment = segmentOf(Math.max(topic.trimmed + 1, oldest))
  while (removed < budget && topic.count > 0 && segment <= segmentOf(upTo)) {
    let last = 0
    for (const row of sql.oldestOfTopic.all(segment, topic.id, budget - removed)) {
      if ((row["sequence"] as number) > upTo) break
      last = row["sequence"] as number
      counters.removed(topic, last, row["size"] as number)
      removed++
    }
    if (last > 0) sql.deleteOfTopic.run(segment, topic.id, last)
    else segment++
  }
  return removed
}
