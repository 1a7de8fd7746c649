import type { Turns } from "../turns.ts"
import type { SourceFunction, SourceItem } from "../server/index.ts"
import type { AttachOptions, RunObservation, RunItem, RunStreamOptions } from "./options.ts"
import type { RunRegistry } from "./registry.ts"
import type { Replica } from "./replica.ts"
import { isRunId, type RunTopics } from "./run-topic.ts"
import type { States } from "./state.ts"
import type { Translations } from "./translations.ts"
import { BEGINNING, cursorOf, isOver, Watch, type RunCursor, type WatchOptions } from "./watch.ts"

export interface ViewingOptions {
  readonly registry: RunRegistry
  readonly topics: RunTopics
  readonly states: States
  readonly translations: Translations
  readonly turns: Turns
  readonly count: (replica: Replica, isResume: boolean) => void
  readonly tell: (event: RunObservation) => void
}

/** Gives viewers the frames of runs. */
export interface Viewing {
  attach<G>(id: string, options: AttachOptions): Watch<RunItem<G>>
  /** A run's stream for `sse`; null when the client has everything. */
  stream(id: string, options: RunStreamOptions): SourceFunction
}

export function createViewing(options: ViewingOptions): Viewing {
  const { registry, topics, states, translations, turns, count, tell } = options

  /** Watches a run that may be watched. Its replica stays until the watch is over. */
  function watch<T>(id: string, how: Watching, output: Pick<WatchOptions<T>, "frame" | "end">): Watch<T> {
    const { signal, merge: isMerged = true } = how
    const run = { id, ...(how.owner !== undefined && { owner: how.owner }) }
    return new Watch({
      turns,
      ...output,
      signal,
      isMerged,
      async open() {
        const replica = await registry.acquire(topics.of(id, how))
        try {
          states.check(replica)
          const from = how.from ?? cursorIn(replica, how.lastEventId)
          const watched = { replica, from, translation: await translations.prepared(replica, how.format) }
          count(replica, from !== BEGINNING)
          tell({ type: from === BEGINNING ? "attach" : "resume", ...run })
          return watched
        } catch (error) {
          registry.release(replica)
          throw error
        }
      },
      close({ replica }) {
        tell({ type: "leave", ...run })
        registry.release(replica)
      },
    })
  }

  /** Where a client begins; undefined when it has everything, or when `onlyActive` excludes the run. */
  async function startOf(id: string, lastEventId: string | undefined, options: RunStreamOptions) {
    // a client that resumes gets the rest of a run that is over, too
    const mustRun = options.onlyActive === true && lastEventId === undefined
    if (mustRun && !isRunId(id)) return undefined
    const replica = await registry.acquire(topics.of(id, options))
    try {
      if (mustRun && states.statusOf(replica) !== "running") return undefined
      states.check(replica)
      const from = cursorIn(replica, lastEventId)
      if (from === BEGINNING) return from
      const translation = await translations.prepared(replica, options.format)
      return isOver({ replica, from, translation }) ? undefined : from
    } finally {
      registry.release(replica)
    }
  }

  return {
    attach: <G>(id: string, how: AttachOptions) =>
      watch<RunItem<G>>(id, how, {
        frame: ({ id: at, cell }) => ({ frame: cell.frame as G, ...(at !== undefined && { id: at }) }),
        end: ({ status, error, position }) => ({
          end: status,
          ...(error && { error }),
          ...(position !== undefined && { id: position }),
        }),
      }),
    stream:
      (id, how) =>
      async ({ lastEventId, signal }) => {
        const from = await startOf(id, lastEventId, how)
        return from && watch<SourceItem>(id, { ...how, signal, from }, wire)
      },
  }
}

interface Watching extends AttachOptions {
  readonly from?: RunCursor
}

const cursorIn = (replica: Replica, after: string | undefined): RunCursor =>
  after === undefined || after === "earliest" ? BEGINNING : cursorOf(replica, after)

/** Frames as SSE messages. Nothing is sent for an end without a frame: many clients deliver a block without data as an empty message. */
const wire: Pick<WatchOptions<SourceItem>, "frame" | "end"> = {
  frame({ id, cell }) {
    const { data, event } = cell.message
    return { data, event, id }
  },
  end: () => undefined,
}
