import { Frame } from "../frame.ts"
import { encodeComment, encodeRetry } from "../protocol/index.ts"
import { checkHeaderValues } from "./check-options.ts"
import type { SseResponseOptions } from "./options.ts"

/** Caches must not store the stream, and proxies must not transform or buffer it: docs/production.md. */
const STREAM_HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
}

/** Asks proxies to forward bytes as they arrive (RFC 10036). Proxies that do not know the field ignore it. */
const INCREMENTAL = { incremental: "?1" }

/**
 * The response headers of a stream; `isWhole` for a response that is complete soon, which proxies may buffer.
 * @throws OnwardError `invalid_message` for a value that no header can hold
 */
export function streamHeaders(
  { headers = {}, incremental = true }: SseResponseOptions,
  cors: Record<string, string> | undefined,
  { isWhole }: { readonly isWhole: boolean },
): Readonly<Record<string, string>> {
  const isIncremental = incremental && !isWhole
  if (!cors && isIncremental && isSame(headers, lastHead.added)) return lastHead.headers
  checkHeaderValues(headers)
  const all = { ...STREAM_HEADERS, ...(isIncremental && INCREMENTAL), ...cors, ...headers }
  if (!cors && isIncremental) lastHead = { added: { ...headers }, headers: all }
  return all
}

/** Thousands of streams have the same headers, which are checked and combined once. */
let lastHead: {
  readonly added: Readonly<Record<string, string>>
  readonly headers: Readonly<Record<string, string>>
} = { added: {}, headers: { ...STREAM_HEADERS, ...INCREMENTAL } }

/** Whether two plain objects have the same names and values, in any order. */
function isSame(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  let more = 0
  for (const name in a) {
    if (a[name] !== b[name]) return false
    more++
  }
  for (const _ in b) more--
  return more === 0
}

/**
 * The first bytes of a stream. They are sent at once, because proxies and browsers wait for a first byte; the comment announces the
 * heartbeat, so that Onward's client can detect a silent connection. `retry` is a line of the block that follows: many clients deliver a
 * block of its own as an empty message.
 */
export function openingOf(heartbeat: number, padding = 0, retry?: number): Frame {
  const key = `${heartbeat} ${padding} ${retry}`
  if (key !== last.key) last = { key, frame: makeOpening(heartbeat, padding, retry) }
  return last.frame
}

/** Most streams of a process begin in the same way. */
let last = { key: "", frame: new Frame("") }

function makeOpening(heartbeat: number, padding: number, retry: number | undefined): Frame {
  const announced = encodeComment(heartbeat < Infinity ? `heartbeat ${heartbeat}` : "")
  const padded = padding > 0 ? announced + encodeComment("-".repeat(padding)) : announced
  return new Frame(retry === undefined ? padded : padded + encodeRetry(retry))
}
