import { setTimeout as sleep } from "node:timers/promises"
import type { Log } from "onward"
import { parsePosition } from "onward/log"
import { sse } from "onward/node"
import type { Auth } from "../auth/index.ts"
import { HttpError } from "../http-error.ts"
import { SECURITY_HEADERS } from "../respond.ts"
import { READ, type Route } from "../route.ts"
import { readFilter, type LogFilter } from "./log-filter.ts"
import { privateTopics } from "./private-topics.ts"
import { showEntry } from "./shown-entry.ts"

/** Entries that are sent at once, and the pause after it in ms: what a person can look at, and a busy log does not fill a browser. */
const PAGE = 100
const PAUSE_MS = 250
/** After how long it is looked for entries, in ms, even if the log said nothing: a hint may be lost. */
const POLL_MS = 5_000
/** Most tails at once. */
const MAX_TAILS = 20

export interface LogTailOptions {
  readonly log: Log
  readonly auth: Auth | undefined
  /** Aborted when the hub closes. */
  readonly closing: AbortSignal
  readonly onError: (error: unknown) => void
}

/**
 * `GET /admin/log/tail`: new entries as they are stored, as events `entry`. An event `skipped` says that there were more than can be shown.
 * The id of each event is the position of its entry.
 */
export function tailRoute({ log, auth, closing, onError }: LogTailOptions): Route {
  let tails = 0
  return {
    methods: READ,
    answer(req, res, url) {
      if (tails >= MAX_TAILS) {
        throw new HttpError(429, "too_many_tails", `${MAX_TAILS} tails of the log are open. Close one.`)
      }
      tails++
      res.once("close", () => tails--)
      const isPrivate = privateTopics(auth)
      const filter = readFilter(url, isPrivate)
      sse(
        req,
        res,
        async function* ({ lastEventId, signal }) {
          const ended = AbortSignal.any([signal, closing])
          for await (const item of follow(log, filter, { lastEventId, signal: ended })) {
            if (item === "skipped") yield { event: "skipped", data: {} }
            else yield { event: "entry", id: item.position, data: showEntry(item, { isPrivate }) }
          }
        },
        // the log has no end: when the hub closes, the dashboard reconnects
        { end: false, headers: SECURITY_HEADERS, onError },
      )
    },
  }
}

interface Following {
  readonly lastEventId: string | undefined
  readonly signal: AbortSignal
}

type Entries = Awaited<ReturnType<Log["read"]>>["entries"]

async function* follow(
  log: Log,
  filter: LogFilter,
  { lastEventId, signal }: Following,
): AsyncGenerator<Entries[number] | "skipped"> {
  let woken = Promise.withResolvers<void>()
  const unwatch = await log.watch(() => woken.resolve())
  try {
    let after = lastEventId !== undefined && parsePosition(lastEventId) ? lastEventId : (await log.bounds()).last
    while (!signal.aborted) {
      woken = Promise.withResolvers<void>()
      const page = await log.read({ after, limit: PAGE, ...filter.topics })
      for (const entry of page.entries) if (filter.matches(entry)) yield entry
      if (page.entries.length === 0 && page.next === after) {
        await Promise.race([woken.promise, sleep(POLL_MS, undefined, { signal }).catch(() => {})])
        continue
      }
      after = page.next
      const newest = await log.locate({ last: PAGE, ...filter.topics })
      if (newest !== undefined && newest > after && page.entries.length > 0) {
        after = newest
        yield "skipped"
      }
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => {})
    }
  } finally {
    await unwatch()
  }
}
