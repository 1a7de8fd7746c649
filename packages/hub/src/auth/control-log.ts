import type { Log } from "onward"
import { followLog } from "../follow-log.ts"

/** Topics by which hubs that share a log tell each other; all of them are reserved. */
export const REVOCATIONS = "stream.revocations"
export const RENEWALS = "stream.renewals"

/**
 * The topic of a used ticket: entries whose keys count, and which are not followed. The log keeps so many of a topic, so the ids are divided
 * among sixteen topics by chance: pushing out the mark of one ticket takes the use of 320,000 others.
 */
export const topicOfTicket = (id: string): string => `stream.tickets/${id[0]}`

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
  const followed = await followLog(log, {
    topics: [REVOCATIONS, RENEWALS],
    onEntry: ({ topic, data }) => onEntry(topic, JSON.parse(data)),
    onError,
  })
  return {
    async tell(topic, entry, key) {
      const message = { topic, data: JSON.stringify(entry) }
      const { positions, previous } = await log.append([
        key === undefined ? message : { ...message, idempotencyKey: key },
      ])
      followed.wake()
      // what was stored now is after everything that was there before
      return { repeated: (positions[0] ?? "") <= previous }
    },
    async close() {
      await followed.close()
      await log.close()
    },
  }
}
