import { setTimeout as wait } from "node:timers/promises"
import type { Message } from "../../src/message.ts"
import { Chance } from "../hub/simulation/chance.ts"
import { createJournal } from "./history.ts"
import { dataOf, TOPICS } from "./messages.ts"

export interface PublishersOptions {
  readonly seed: number
  readonly count: number
  /** Ports of the hubs. */
  readonly hubs: readonly number[]
  /** Where the name of each acknowledged message is written. */
  readonly file: string
  /** Whether publishers give ids of their own; else a key. Must not be when entries are removed: an id is never given anew. */
  readonly hasIds: boolean
  /** How far behind who reads the store is, in entries: publishers wait for it, so that it misses nothing. */
  readonly backlog: () => number
}

export interface Publishers {
  readonly acked: readonly string[]
  /** Tries that were not answered, or with an error: each is tried again. */
  readonly repeated: number
  /** Resolves once everything that was begun is acknowledged. */
  stop(): Promise<void>
}

const TIMEOUT = 4_000
const MAX_BACKLOG = 300

/** Publishes, a few messages at a time, each again and again at any of the hubs until it is acknowledged. */
export function startPublishers(options: PublishersOptions): Publishers {
  const { seed, count, hubs, file, hasIds, backlog } = options
  const journal = createJournal(file)
  const acked: string[] = []
  let repeated = 0
  const stopping = new AbortController()

  async function publish(publisher: number): Promise<void> {
    const chance = new Chance(seed + 1_000 + publisher)
    for (let call = 0; !stopping.signal.aborted; call++) {
      const messages = Array.from({ length: 1 + chance.below(4) }, (_, i): Message<string> => {
        const name = `p${publisher}.${call}.${i}`
        const topic = chance.percent(25) ? "prices" : chance.pick(TOPICS)
        return {
          topic,
          data: dataOf(name),
          ...(hasIds && chance.percent(30) ? { id: name } : { idempotencyKey: name }),
        }
      })
      while (!(await post(messages, chance.pick(hubs)))) {
        repeated++
        await wait(20 + chance.below(200))
      }
      for (const { data = "" } of messages) {
        const name = data.slice(0, data.indexOf(" "))
        acked.push(name)
        journal.write(name)
      }
      await wait(chance.below(120))
      while (backlog() > MAX_BACKLOG) await wait(20)
    }
    journal.flush()
  }

  const running = Promise.all(Array.from({ length: count }, (_, publisher) => publish(publisher)))
  return {
    acked,
    get repeated() {
      return repeated
    },
    async stop() {
      stopping.abort()
      await running
    },
  }
}

/** True once a hub has acknowledged it: every other answer, and none, leaves open what became of it. */
async function post(messages: readonly Message[], port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/publish`, {
      method: "POST",
      body: JSON.stringify(messages),
      signal: AbortSignal.timeout(TIMEOUT),
    })
    const ids: unknown = await response.json()
    return response.ok && Array.isArray(ids) && ids.length === messages.length
  } catch {
    return false
  }
}
