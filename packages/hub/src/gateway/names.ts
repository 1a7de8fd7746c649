import type { Hub, Log } from "onward"
import { isName } from "./kinds.ts"

/** What the gateway stores about an id of a provider. */
export interface Named {
  /** The caller that received the id. */
  readonly owner: string
  /** The run with this id, if the run's own id differs. */
  readonly run?: string
  /** The base URL of the upstream that created the id. */
  readonly upstream: string
}

/** The owners of a provider's ids. They are stored in the log that gateways share, until its retention removes them. */
export interface Names {
  add(path: string, id: string, named: Named): Promise<void>
  /** Returns what is stored for this owner, and whether only other owners have the id. */
  find(path: string, id: string, owner: string): Promise<{ readonly mine?: Named; readonly isOthers: boolean }>
}

/** Maximum number of entries read for one id: some providers use numbers as ids, and start again at 1. */
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
          // the newest is the one that the provider has now
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
