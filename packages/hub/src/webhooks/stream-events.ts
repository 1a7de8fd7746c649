import type { HubObservation } from "onward"
import type { QueuedEvent } from "./record.ts"
import type { Timing } from "./timing.ts"

/** Most events in one append. */
const BATCH = 200
/** Most events that wait for the log. */
const MAX_WAITING = 10_000
/** After how long what the log did not take is tried again, in ms. */
const RETRY_MS = 1_000
/** Longest wait at the end for a log that is away, in ms. */
const CLOSE_MS = 1_000

export interface StreamEventsOptions {
  /** The name of this hub, which makes the ids of its streams unique. */
  readonly me: string
  readonly timing: Timing
  readonly isWanted: (event: QueuedEvent) => boolean
  readonly append: (events: readonly QueuedEvent[]) => Promise<void>
  readonly onDropped: () => void
  readonly report: (error: unknown) => void
}

export interface StreamEvents {
  /** For the option `observe` of the hub. */
  observe(observation: HubObservation): void
  /** Resolves when what was observed is stored, or the log does not take it. */
  close(): Promise<void>
}

/** Stores which streams of this hub opened and closed, those of one turn together. */
export function createStreamEvents(options: StreamEventsOptions): StreamEvents {
  const { me, timing, isWanted, append, onDropped, report } = options
  const waiting: QueuedEvent[] = []
  /** What `stream.closed` tells besides the observation. */
  const open = new Map<string, Pick<QueuedEvent, "topics" | "patterns" | "userId">>()
  let storing: Promise<void> | undefined
  let isClosed = false

  async function store(): Promise<void> {
    await Promise.resolve()
    for (let batch = next(); batch.length > 0; batch = next()) {
      try {
        await append(batch)
        waiting.splice(0, batch.length)
      } catch (error) {
        if (isClosed) break
        report(error)
        await new Promise<void>((resolve) => void timing.after(RETRY_MS, resolve))
      }
    }
    storing = undefined
  }

  const next = (): QueuedEvent[] => waiting.slice(0, BATCH)

  function enqueue(event: QueuedEvent): void {
    if (!isWanted(event)) return
    if (waiting.length >= MAX_WAITING) {
      waiting.shift()
      onDropped()
    }
    waiting.push(event)
    storing ??= store()
  }

  return {
    observe(observation) {
      if (observation.type === "opened") {
        const { id, topics, patterns, userId } = observation
        const about = { topics, patterns, ...(userId !== undefined && { userId }) }
        open.set(id, about)
        enqueue({ event: "stream.opened", stream: `${me}.${id}`, ...about })
      } else if (observation.type === "closed") {
        const { id, reason, lifetime } = observation
        const about = open.get(id)
        open.delete(id)
        enqueue({ event: "stream.closed", stream: `${me}.${id}`, ...about, reason, duration: Math.round(lifetime) })
      }
    },
    async close() {
      isClosed = true
      await Promise.race([storing, new Promise<void>((resolve) => void setTimeout(resolve, CLOSE_MS).unref())])
    },
  }
}
