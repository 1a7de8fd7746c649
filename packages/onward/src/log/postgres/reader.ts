import type { Entry, NewEntry, Position } from "../../message.ts"
import type { Bounds, Landmark, Page, ReadQuery } from "../log.ts"
import { lossOf, readFrom } from "../driver/loss.ts"
import { idScopeOf, type IdScope } from "../driver/id-index.ts"
import { formatPosition, parsePosition } from "../driver/position.ts"
import type { Row, Run } from "./connection.ts"
import { arrayOf, fromText, toText } from "./text.ts"

/** Maximum number of bytes and entries of a page. */
const PAGE_BYTES = 2 * 1024 * 1024
const PAGE_ENTRIES = 4096

interface Head {
  readonly epoch: string
  readonly head: number
  readonly last: number
  /** The newest sequence number that a topic without its own mark can have lost. */
  readonly floor: number
  /** Maximum number of entries of this page. */
  readonly limit: number
  readonly lost: (readonly [topic: string, to: number])[] | null
}

/** A landmark: one of the first three fields is set. */
interface Search {
  readonly id?: string
  readonly since?: number | undefined
  readonly last?: number | undefined
  readonly topics: readonly string[] | undefined
}

interface Located {
  readonly epoch: string
  readonly found: number | null
  /** The sequence number of the entry with the id on each topic. Null when no topic has it, or too many. */
  readonly all: (readonly [topic: string, sequence: number])[] | null
}

export interface Reader {
  read(query: ReadQuery): Promise<Page>
  bounds(): Promise<Bounds>
  locate(landmark: Landmark): Promise<Position | undefined>
}

/** Creates a reader. Each call takes one round trip, or two for an id, and rejects with the errors of the client. */
export function createReader(run: Run, schema: string): Reader {
  async function locate({ id, since, last, topics }: Search): Promise<Located> {
    const [row] = await run(`SELECT ${schema}.locate($1::text, $2::text::float8, $3::text::bigint, $4::text::text[])`, [
      id === undefined ? null : toText(id),
      since === undefined ? null : String(since),
      last === undefined ? null : String(last),
      topics ? arrayOf(topics.map(toText)) : null,
    ])
    return JSON.parse(row?.[0] as string) as Located
  }

  async function withId(id: string, { topics, matches }: IdScope): Promise<Position | undefined> {
    // searched separately, because the search on any topic finds nothing if too many topics have this id
    const named = topics.length > 0 || !matches ? await locate({ id, topics }) : undefined
    const anywhere = matches && (await locate({ id, topics: undefined }))
    // a new epoch began between the two searches
    if (named && anywhere && named.epoch !== anywhere.epoch) return undefined
    const matching = (anywhere?.all ?? []).filter(([topic]) => matches?.(fromText(topic)))
    const sequences = [named?.found ?? Infinity, ...matching.map(([, sequence]) => sequence)]
    const { epoch } = (anywhere ?? named) as Located
    const oldest = Math.min(...sequences)
    return oldest < Infinity ? formatPosition(epoch, oldest) : undefined
  }

  return {
    async read({ after, topics, limit }) {
      const parsed = parsePosition(after)
      const names = topics && [...new Set(topics)]
      const [first, ...rows] = await run(
        `SELECT * FROM ${schema}.read($1::text, $2::text::bigint, $3::text::text[], $4::text::integer, $5::text::bigint)`,
        [
          parsed?.epoch ?? null,
          String(parsed?.sequence ?? 0),
          names ? arrayOf(names.map(toText)) : null,
          String(Math.min(limit, PAGE_ENTRIES)),
          String(PAGE_BYTES),
        ],
      )
      const head = JSON.parse(first?.[8] as string) as Head
      const start = readFrom(after, head.epoch, head.head, head.last)
      const removed = [...(head.lost ?? []), ["*", head.floor] as const]
      const lost = start.lost ?? lossOf(head.epoch, start.from, removed)
      return { ...pageOf(head, rows), ...(lost && { lost }) }
    },
    async bounds() {
      const [row] = await run(`SELECT epoch, head, last FROM ${schema}.log`, [])
      const [epoch, head, last] = row as [string, unknown, unknown]
      return { first: formatPosition(epoch, Number(head)), last: formatPosition(epoch, Number(last)) }
    },
    async locate(landmark) {
      if ("id" in landmark) return withId(landmark.id, idScopeOf(landmark))
      const topics = "last" in landmark ? landmark.topics : undefined
      const { epoch, found } = await locate({
        since: "since" in landmark ? landmark.since : undefined,
        last: "last" in landmark ? landmark.last : undefined,
        topics,
      })
      return found === null ? undefined : formatPosition(epoch, found)
    },
  }
}

function pageOf({ epoch, last, limit }: Head, rows: readonly Row[]): Page {
  const entries: Entry[] = []
  let bytes = 0
  for (const row of rows) {
    entries.push(entryOf(epoch, row))
    bytes += Number(row[3])
  }
  const newest = entries.at(-1)
  const isFull = entries.length === limit || bytes >= PAGE_BYTES
  return { entries, next: newest && isFull ? newest.position : formatPosition(epoch, last) }
}

function entryOf(epoch: string, row: Row): Entry {
  const [sequence, topic, time, , event, id, key, retry, data] = row as readonly (string | null)[]
  const position = formatPosition(epoch, Number(sequence))
  const entry: NewEntry = { topic: topic ?? "", data: fromText(data ?? ""), position, time: Number(time) }
  // most entries have none of these
  if (event != null) entry.event = fromText(event)
  if (id != null) entry.id = fromText(id)
  if (key != null) entry.idempotencyKey = fromText(key)
  if (retry != null) entry.retry = Number(retry)
  return entry
}
