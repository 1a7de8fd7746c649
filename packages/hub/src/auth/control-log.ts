import type { Log } from "onward"

/** Topics by which hubs that share a log tell each other; all of them are reserved. */
export const REVOCATIONS = "stream.revocations"
export const RENEWALS = "stream.renewals"
/** Tickets that were used: entries whose keys count, and which are not followed. */
export const TICKETS = "stream.tickets"

const PAGE = 500
/** After how long it is looked for entries, in ms, even if the log said nothing: a hint may be lost. */
const POLL_MS = 5_000
/** After how long a log that is away is asked again, in ms. */
const RETRY_MS = 500

/**
 * What all hubs that share a log are told, in a log of its own beside that of the hub: there, what is published cannot push a revocation out
 * before it has done its work.
 */
export interface ControlLog {
  /**
   * Tells all hubs. Resolves once the log holds it, to whether the log held an entry with this key already.
   * Rejects with what the log rejects with.
   */
  tell(topic: string, entry: object, key?: string): Promise<{ readonly repeated: boolean }>
  close(): Promise<void>
}

/**
 * Follows a control log. Resolves when everything in it was handed to `onEntry`, so that a hub that starts knows every revocation before it
 * answers requests. Rejects with what the log rejects with.
 */
export async function openControlLog(
  log: Log,
  onEntry: (topic: string, entry: unknown) => void,
  onError: (error: unknown) => void,
): Promise<ControlLog> {
  let position = (await log.bounds()).first
  let isClosed = false
  let isStale = false
  let reading: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined

  async function read(): Promise<void> {
    for (;;) {
      isStale = false
      const page = await log.read({ after: position, topics: [REVOCATIONS, RENEWALS], limit: PAGE })
      for (const { topic, data } of page.entries) onEntry(topic, JSON.parse(data))
      const next = page.lost?.reason === "unknown" ? page.lost.to : page.next
      if (next === position && !isStale) return
      position = next
    }
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
        if (!isClosed) timer = setTimeout(wake, wait).unref()
      })
  }

  const unwatch = await log.watch(wake)
  await read()
  wake()
  return {
    async tell(topic, entry, key) {
      const message = { topic, data: JSON.stringify(entry) }
      const { positions, previous } = await log.append([
        key === undefined ? message : { ...message, idempotencyKey: key },
      ])
      wake()
      // what was stored now is after everything that was there before
      return { repeated: (positions[0] ?? "") <= previous }
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      await unwatch()
      await reading
      await log.close()
    },
  }
}
