import { inSameEpoch, type Entry, type Log, type Loss, type Position } from "onward/log"

const PAGE = 500
/** After how long it is looked for entries, in ms, even if the log said nothing: a hint may be lost. */
const POLL_MS = 5_000
/** After how long a log that is away is asked again, in ms. */
const RETRY_MS = 500

export interface FollowLogOptions {
  /** @default all topics */
  readonly topics?: readonly string[]
  readonly onEntry: (entry: Entry) => void
  /** Entries were removed before they were read. */
  readonly onLost?: (loss: Loss) => void
  readonly onError: (error: unknown) => void
}

export interface FollowedLog {
  /** Up to where it was read. */
  readonly position: Position
  /** Looks for entries soon. */
  wake(): void
  /** Resolves when everything up to `position` was handed over, or the log is followed no longer. */
  reach(position: Position): Promise<void>
  close(): Promise<void>
}

/**
 * Follows a log from its oldest entry. Resolves when everything in it was handed to `onEntry`, and hands over what comes. Rejects with what
 * the log rejects with.
 */
export async function followLog(
  log: Log,
  { topics, onEntry, onLost, onError }: FollowLogOptions,
): Promise<FollowedLog> {
  let position = (await log.bounds()).first
  let isClosed = false
  let isStale = false
  let reading: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let waiting: { readonly position: Position; readonly resolve: () => void }[] = []

  async function read(): Promise<void> {
    for (;;) {
      isStale = false
      const page = await log.read({ after: position, limit: PAGE, ...(topics && { topics }) })
      if (page.lost) onLost?.(page.lost)
      for (const entry of page.entries) onEntry(entry)
      const isEnd = page.next === position && !isStale
      position = page.next
      settle()
      if (isEnd) return
    }
  }

  function settle(): void {
    if (waiting.length === 0) return
    const isReached = (each: (typeof waiting)[number]): boolean =>
      isClosed || each.position <= position || !inSameEpoch(each.position, position)
    for (const each of waiting.filter(isReached)) each.resolve()
    waiting = waiting.filter((each) => !isReached(each))
  }

  /** One reading at a time; what arrives meanwhile makes it go on. */
  function wake(): void {
    isStale = true
    if (reading || isClosed) return
    clearTimeout(timer)
    reading = read()
      .then(
        () => POLL_MS,
        (error: unknown) => {
          if (!isClosed) onError(error)
          return RETRY_MS
        },
      )
      .then((wait) => {
        reading = undefined
        if (isClosed) return
        if (isStale && wait === POLL_MS) wake()
        else timer = setTimeout(wake, wait).unref()
      })
  }

  const unwatch = await log.watch(wake)
  await read()
  wake()
  return {
    get position() {
      return position
    },
    wake,
    reach: (to) =>
      new Promise((resolve) => {
        waiting.push({ position: to, resolve })
        settle()
        wake()
      }),
    async close() {
      isClosed = true
      clearTimeout(timer)
      await unwatch()
      await reading
      settle()
    },
  }
}
