import type { Entry } from "../../message.ts"
import type { Page, ReadQuery } from "../log.ts"
import { lossOf, readFrom } from "../driver/loss.ts"
import { MAX_REMOVED_POSITIONS } from "../driver/removed-positions.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import { entryOf } from "./codec.ts"
import type { Store } from "./store.ts"

/** Most entries and bytes of a page. */
const PAGE_ENTRIES = 2000
const PAGE_BYTES = 2 * 1024 * 1024

/** Most entries of a plain page, whose bytes nobody counts on the way. */
const PLAIN_ENTRIES = 512

/** Reads plainly where what is found proves itself, else by the script, which takes twice as long. */
export async function readPage(store: Store, query: ReadQuery): Promise<Page> {
  return (!query.topics && (await readPlainly(store, query))) || readByScript(store, query)
}

/**
 * Reads without the script, so without its judgement of the server; undefined when that is needed. A place and an epoch name one
 * entry for ever, and the stream has its epoch in its key. So whichever server answers, and whatever became of the log since: what
 * is found after a place without a hole is what comes next. Everything else the script has to explain: a hole, since
 * entries were removed; nothing, since this may be the end or a life that is over; and an end before what was seen already.
 */
async function readPlainly(store: Store, { after, limit }: ReadQuery): Promise<Page | undefined> {
  const { epoch, last, trimmed, average } = store.known
  const place = parsePosition(after)
  if (!place || place.epoch !== epoch || place.sequence < trimmed) return undefined
  const count = Math.min(limit, PLAIN_ENTRIES, Math.max(1, Math.floor(PAGE_BYTES / average)))
  const found = await store.range(epoch, place.sequence + 1, count)
  const newest = Number.parseInt(found.at(-1)?.[0] ?? "0", 10)
  // places only rise, so as many as fit in between are all of them
  if (found.length === 0 || newest !== place.sequence + found.length) return undefined
  if (found.length < count && newest < last) return undefined
  store.see(epoch, newest)
  const entries = found.map(([, [topic, stored]], i) => entryOf(epoch, place.sequence + 1 + i, topic, stored))
  return { entries, next: formatPosition(epoch, newest) }
}

async function readByScript(store: Store, { after, topics, limit }: ReadQuery): Promise<Page> {
  const parsed = parsePosition(after)
  const wanted = String(Math.min(limit, PAGE_ENTRIES))
  const place = [parsed?.epoch ?? "", String(parsed?.sequence ?? 0)]
  const bounded = [wanted, String(PAGE_BYTES), String(MAX_REMOVED_POSITIONS)]
  const { epoch, first, last, results } = await store.call("read", [...place, ...bounded, ...wordsOfTopics(topics)])
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

/** Topics as the script takes them: how many, and which. */
export const wordsOfTopics = (topics: readonly string[] | undefined): string[] =>
  topics ? [String(topics.length), ...topics] : ["-1"]

function* pairs(flat: readonly string[]): Generator<[topic: string, to: number]> {
  for (let i = 0; i < flat.length; i += 2) yield [flat[i] as string, Number(flat[i + 1])]
}
