import { formatPosition, parsePosition, repeatsOf, type Appended, type Log } from "../log/index.ts"
import type { Position, StoredMessage } from "../message.ts"
import type { CheckedMessage, PublishOptions } from "./check-published.ts"
import { file, innerName, isEntryOf, logTopicsOf, MANY, topicsOf, unfile, type Again } from "./filing.ts"

/** A log whose reads return entries as they were published. */
export const unfiledLog = (log: Log): Log => ({
  append: (messages) => log.append(messages),
  async read(query) {
    const page = await log.read(query)
    return { ...page, entries: page.entries.map(unfile) }
  },
  bounds: () => log.bounds(),
  locate: (landmark) => log.locate(landmark),
  watch: (wake) => log.watch(wake),
  close: () => log.close(),
  ...(log.forget && { forget: (query) => log.forget?.(query) ?? Promise.resolve(0) }),
  ...(log.trim && { trim: () => log.trim?.() ?? Promise.resolve() }),
})

/**
 * A view of a hub's log for tools that inspect it: entries are as they were published, and `topics` are those of publishers. The log itself
 * stores some messages in another form, those that are private or have several topics. Appends are not changed.
 */
export function publishedLog(log: Log): Log {
  const unfiled = unfiledLog(log)
  return {
    ...unfiled,
    async read({ topics, ...query }) {
      if (!topics) return unfiled.read(query)
      const page = await unfiled.read({ ...query, topics: [...placesOf(topics), MANY] })
      const wanted = new Set(topics.map(innerName))
      // all entries with several topics are in one place
      return { ...page, entries: page.entries.filter((entry) => topicsOf(entry).some((topic) => wanted.has(topic))) }
    },
    locate(landmark) {
      if (!("topics" in landmark) || !landmark.topics) return log.locate(landmark)
      return log.locate({ ...landmark, topics: placesOf(landmark.topics) })
    },
  }
}

const placesOf = (topics: readonly string[]): string[] => topics.flatMap((topic) => logTopicsOf(topic, true))

/** Where a message is, and whether the log had it already. */
export interface Filed {
  readonly position: Position
  readonly repeated: boolean
}

type Append = (messages: readonly StoredMessage[]) => Promise<Appended>

/** Appends messages, filing those that a log cannot express. A message that is no repeat, but that the log takes for one, is stored on its own. */
export async function appendFiled(
  log: Log,
  append: Append,
  messages: readonly CheckedMessage[],
  { repeatedIds = "ignore" }: PublishOptions,
): Promise<Filed[]> {
  const scope = repeatedIds === "dispatch" ? "key" : "id and key"

  async function appendAll(wanted: readonly CheckedMessage[], again?: Again): Promise<Filed[]> {
    const stored = wanted.map((message) => file(message, scope, again))
    const appended = await append(stored)
    const repeats = repeatsOf(appended)
    const all = wanted.map((_, i) => ({ position: appended.positions[i] as Position, repeated: repeats[i] === true }))
    for (const [i, message] of wanted.entries()) {
      const result = all[i] as Filed
      const { topic } = stored[i] as StoredMessage
      // elsewhere than on `MANY`, the log compares with the same topic only
      const isCertain = !result.repeated || (scope === "id and key" && topic !== MANY)
      if (isCertain || (await isKept(message, topic, result.position))) continue
      const next: Again = again ? "without id and key" : "without id"
      all[i] = (await appendAll([message], next))[0] as Filed
    }
    return all
  }

  async function isKept(message: CheckedMessage, topic: string, position: Position): Promise<boolean> {
    if (scope === "key" && message.idempotencyKey === undefined) return false
    const { epoch, sequence } = parsePosition(position) as { epoch: string; sequence: number }
    const page = await log.read({ after: formatPosition(epoch, sequence - 1), topics: [topic], limit: 1 })
    const [kept] = page.entries
    return kept?.position === position && isEntryOf(kept, message, scope)
  }

  return appendAll(messages)
}
