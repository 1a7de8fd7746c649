import type { Entry, Position } from "../../message.ts"
import type { Page, ReadQuery } from "../log.ts"
import { lossOf, readFrom } from "../driver/loss.ts"
import { MAX_REMOVED_POSITIONS } from "../driver/removed-positions.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import { entryOf } from "./codec.ts"
import type { Store } from "./store.ts"

/** Maximum number of entries and bytes of a page. */
const PAGE_ENTRIES = 2000
const PAGE_BYTES = 2 * 1024 * 1024

/** Maximum number of entries read without the script, because XRANGE has no limit in bytes. */
const PLAIN_ENTRIES = 512
/** Maximum number of positions after which topics are read without the script. */
const MAX_DENSE = 256

/**
 * Reads by XRANGE if its result is certain to be right, otherwise by the script, which takes twice as long. Some topics are read so after a
 * page without entries of others.
 */
export async function readPage(store: Store, query: ReadQuery): Promise<Page> {
  const isPlain = !query.topics || store.dense.has(query.after)
  const page = (isPlain && (await readPlainly(store, query))) || (await readByScript(store, query))
  if (query.topics) noteDensity(store, query.after, page)
  return page
}

/** Notes the end of a page whose entries have no others between them. */
function noteDensity({ dense }: Store, after: Position, { entries, next }: Page): void {
  const [from, to] = [parsePosition(after)?.sequence ?? 0, parsePosition(next)?.sequence ?? 0]
  if (entries.length === 0 || to - from !== entries.length) return
  if (dense.size >= MAX_DENSE) dense.clear()
  dense.add(next)
}

/**
 * Reads without the script, so without its check of the server. Undefined when that check is needed. An epoch and a sequence number
 * name one entry only, and the key of the stream contains the epoch. So consecutive sequence numbers after the position are the next
 * entries, on any server and after any failover. The script has to decide in the other cases: a hole, because entries were
 * removed; no entries, because this is the end or the epoch has ended; and an end before an entry that this process has seen.
 */
async function readPlainly(store: Store, { after, topics, limit }: ReadQuery): Promise<Page | undefined> {
  const { epoch, last, trimmed, average } = store.known
  const position = parsePosition(after)
  if (!position || position.epoch !== epoch || position.sequence < trimmed) return undefined
  const count = Math.min(limit, PLAIN_ENTRIES, Math.max(1, Math.floor(PAGE_BYTES / average)))
  const found = await store.range(epoch, position.sequence + 1, count)
  const newest = Number.parseInt(found.at(-1)?.[0] ?? "0", 10)
  // sequence numbers ascend, so this many entries up to `newest` leave no hole
  if (found.length === 0 || newest !== position.sequence + found.length) return undefined
  if (found.length < count && newest < last) return undefined
  store.see(epoch, newest)
  const wanted = topics && new Set(topics)
  if (wanted && found.some(([, [topic]]) => !wanted.has(topic))) return undefined
  const entries = found.map(([, [topic, stored]], i) => entryOf(epoch, position.sequence + 1 + i, topic, stored))
  return { entries, next: formatPosition(epoch, newest) }
}

async function readByScript(store: Store, { after, topics, limit }: ReadQuery): Promise<Page> {
  const parsed = parsePosition(after)
  const wanted = String(Math.min(limit, PAGE_ENTRIES))
  const position = [parsed?.epoch ?? "", String(parsed?.sequence ?? 0)]
  const bounded = [wanted, String(PAGE_BYTES), String(MAX_REMOVED_POSITIONS)]
  const { epoch, first, last, results } = await store.call("read", [...position, ...bounded, ...wordsOfTopics(topics)])
  const [next, removed, flat] = results as [string, string[], string[]]
  const { from, lost } = readFrom(after, epoch, first, last)
  const loss = lost ?? (removed.length > 0 ? lossOf(epoch, from, pairs(removed)) : undefined)
  const entries: Entry[] = []
  for (let i = 0; i < flat.length; i += 3) {
    const [id, topic, stored] = [flat[i], flat[i + 1], flat[i + 2]] as [string, string, string]
    entries.push(entryOf(epoch, Number.parseInt(id, 10), topic, stored))
  }
  return { entries, next: formatPosition(epoch, Number(next)), ...(loss && { lost: loss }) }
}

/** Encodes topics for the script: their number, then the names. */
export const wordsOfTopics = (topics: readonly string[] | undefined): string[] =>
  topics ? [String(topics.length), ...topics] : ["-1"]

function* pairs(flat: readonly string[]): Generator<[topic: string, to: number]> {
  for (let i = 0; i < flat.length; i += 2) yield [flat[i] as string, Number(flat[i + 1])]
}
