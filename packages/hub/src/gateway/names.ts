import type { Hub, Log } from "onward"
import { isName } from "./kinds.ts"

/** What is known of a name that a provider gave to something. */
export interface Named {
  /** Whose it is. */
  readonly owner: string
  /** The run it is the name of, when that has another id. */
  readonly run?: string
  /** The base URL of the upstream that has it. */
  readonly upstream: string
}

/** Who was given which of a provider's ids, in the log that gateways share, for as long as the log keeps it. */
export interface Names {
  add(path: string, id: string, named: Named): Promise<void>
  /** What this owner was given under the name; else, whether others were. */
  find(path: string, id: string, owner: string): Promise<{ readonly mine?: Named; readonly isOthers: boolean }>
}

/** Some providers number what they make, and begin again when they start: most entries that are looked at of one name. */
const MAX_ENTRIES = 1_000

export function createNames(log: Log, hub: Pick<Hub, "publish">): Names {
  const topicOf = (path: string, id: string): string => `names${path}/${id}`

  return {
    async add(path, id, named) {
      if (isName(id)) await hub.publish({ topic: topicOf(path, id), data: named })
    },
    async find(path, id, owner) {
      if (!isName(id)) return { isOthers: false }
      let { first: after } = await log.bounds()
      let mine: Named | undefined
      let count = 0
      for (;;) {
        const { entries, next } = await log.read({ after, topics: [topicOf(path, id)], limit: 100 })
        for (const { data } of entries) {
          const named = JSON.parse(data) as Named
          // the newest, as that is what the provider knows under the name now
          if (named.owner === owner) mine = named
        }
        count += entries.length
        if (next === after || count >= MAX_ENTRIES) break
        after = next
      }
      return { ...(mine && { mine }), isOthers: count > 0 && !mine }
    },
  }
}
