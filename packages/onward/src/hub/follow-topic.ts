import { formatPosition, inSameEpoch, parsePosition, type Loss } from "../log/index.ts"
import type { Entry, Position } from "../message.ts"
import type { Internals } from "./hub-context.ts"

const PAGE = 500

/** Who follows a topic. Must not throw. */
export interface TopicFollower {
  /** The next entry, each once and in order. */
  onEntry(entry: Entry): void
  /** Entries of the topic are gone that were never handed on. */
  onLost(loss: Loss): void
}

export interface Followed {
  /** Reads what the log has beyond what was handed on, now. Rejects with what the log rejects with. */
  refresh(): Promise<void>
  stop(): void
}

/**
 * Follows one topic from the first entry kept: reads what is there, then goes on with the tail, which reads once for the whole process.
 * Resolves when everything was handed on that the log held when it was asked; rejects with what the log rejects with.
 */
export async function followTopic(
  { context }: Pick<Internals, "context">,
  topic: string,
  follower: TopicFollower,
): Promise<Followed> {
  let position: Position = ""
  let isLive = false
  let isStopped = false
  let isFirst = false
  let reading: Promise<void> = Promise.resolve()
  const isNews = (at: Position): boolean => !inSameEpoch(at, position) || at > position
  const isOver = (): boolean => isStopped || context.isClosed

  const remove = context.tailListeners.add(
    {
      onEntry(entry) {
        // what is read already may arrive after it, and what is read next must not be overtaken
        if (!isLive || !isNews(entry.position)) return
        position = entry.position
        follower.onEntry(entry)
      },
      onInterrupt() {
        isLive = false
        void context.retryUntil(refresh, isOver)
      },
    },
    topic,
  )

  /** One after the other: a read that has begun already may have looked too early for this caller. */
  function refresh(): Promise<void> {
    const mine = reading.then(read)
    reading = mine.catch(() => {})
    return mine
  }

  async function read(): Promise<void> {
    for (;;) {
      if (context.turns.isOver) await context.turns.next()
      const after = position
      const page = await context.log.read({ after, topics: [topic], limit: PAGE })
      if (isOver()) return
      // a life that began unseen has taken nothing from who has had nothing
      if (page.lost && isOf(page.lost, topic) && !(isFirst && page.lost.reason === "epoch")) follower.onLost(page.lost)
      isFirst = false
      // the tail may have gone on meanwhile, if it was followed already
      for (const entry of page.entries) {
        if (context.turns.isOver) await context.turns.next()
        if (isOver()) return
        if (!isNews(entry.position)) continue
        position = entry.position
        follower.onEntry(entry)
      }
      const next = page.lost?.reason === "unknown" ? page.lost.to : page.next
      if (isNews(next)) position = next
      const { tail } = context
      const isAtTail = inSameEpoch(position, tail.position) && position >= tail.position
      // no await between this look and going live: from here on the tail has everything
      if (isAtTail || position === after) {
        isLive = true
        return
      }
    }
  }

  try {
    // a store that is away fails this call instead of holding it up
    if (!context.tail.isReady) await context.log.bounds()
    await context.tail.ready
    const parsed = parsePosition(context.tail.position)
    // before everything there ever was, so that the log tells what it has removed
    position = parsed ? formatPosition(parsed.epoch, 0) : (await context.log.bounds()).first
    isFirst = true
    await refresh()
  } catch (error) {
    isStopped = true
    remove()
    throw error
  }
  return {
    refresh,
    stop() {
      isStopped = true
      remove()
    },
  }
}

/** Whether a loss took entries of this very topic, as far as the log can tell. */
const isOf = ({ reason, topics }: Loss, topic: string): boolean => reason !== "trimmed" || topics?.has(topic) === true
