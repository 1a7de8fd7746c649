import { OnwardError } from "onward"
import { readText } from "../../read-text.ts"
import { messageOf } from "../explain-refusal.ts"
import type { Server } from "../server.ts"
import type { Sort } from "./command-line.ts"

const TIMEOUT_MS = 10_000
/** Maximum size of a snapshot, in bytes. */
const MAX_BYTES = 64 * 1024 ** 2

/** A stream, as `GET /admin/streams` describes it. */
export interface Stream {
  readonly worker: number
  readonly id: string
  readonly label?: string
  readonly topics: readonly string[]
  readonly patterns: readonly string[]
  readonly limitKey?: string
  readonly userId?: string
  readonly state: string
  readonly openedAt: number
  readonly lag: number
  readonly timesBehind: number
  readonly gaps: number
  readonly entries: number
  readonly bytes: number
}

/** The first streams in an order, and the number of all. */
export interface Snapshot {
  readonly at: number
  readonly total: number
  readonly streams: readonly Stream[]
}

interface Asked {
  readonly sort: Sort
  readonly filter: string | undefined
  readonly limit: number
}

/** Asks the admin API for streams. Rejects with an `OnwardError` that says what to do. */
export async function readSnapshot({ url, headers }: Server, { sort, filter, limit }: Asked): Promise<Snapshot> {
  const target = new URL("admin/streams", url)
  target.searchParams.set("sort", sort)
  target.searchParams.set("limit", String(limit))
  if (filter !== undefined) target.searchParams.set("filter", filter)
  const { status, text } = await fetch(target, { headers, redirect: "manual", signal: AbortSignal.timeout(TIMEOUT_MS) })
    .then(async (response) => ({ status: response.status, text: await readText(response, MAX_BYTES) }))
    .catch((cause: Error & { cause?: { code?: string } }) => {
      const why = cause.cause?.code ?? cause.message
      const message = `The admin port at ${url} cannot be reached: ${why}. Check --url, and start the hub with --admin-port.`
      throw new OnwardError("network_error", message, { status: 0, cause })
    })
  if (status !== 200) {
    const what = messageOf(text) ?? "Check --url: it must be the admin port."
    throw new OnwardError("bad_status", `The admin port answered with status ${status}: ${what}`, { status })
  }
  try {
    const { total, streams } = JSON.parse(text) as Omit<Snapshot, "at">
    if (Array.isArray(streams)) return { at: Date.now(), total, streams }
  } catch {}
  throw new OnwardError("invalid_request", "The server does not answer like a hub of Onward. Check --url.", { status })
}
