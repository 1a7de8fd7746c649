import { printable } from "../printable.ts"
import type { Finding } from "./finding.ts"
import { headOf, isRefusedStream, unanswered } from "./head.ts"
import { readFor, type Reading } from "./reading.ts"

export interface ExamineOptions {
  /** More request headers, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** How long the head and the first bytes may take, in ms. @default 5_000 */
  readonly patience?: number
  /** How long to listen, in ms. @default until the heartbeat that the server announces, else 20_000 */
  readonly listen?: number
  /** How long the stream in pieces may take, where it does not come as one, in ms. @default 20_000 */
  readonly polling?: number
  /** Told each finding once it is known. */
  readonly onFinding: (finding: Finding) => void
}

/** A heartbeat that is announced comes in that time at the latest, and a proxy may take a moment. */
const HEARTBEAT_SLACK = 2_000
/** Longer than the heartbeats of most. */
const SILENCE_MS = 20_000

/**
 * Asks for a stream as an EventSource would, and looks at what becomes of it on its way: refused, held, changed or cut. True when
 * nothing is in its way.
 */
export async function examine(url: string, options: ExamineOptions): Promise<boolean> {
  let isWell = true
  const find = (kind: Finding["kind"], text: string, todo?: string): void => {
    if (kind === "bad") isWell = false
    // a part of it may be what a server said
    options.onFinding({ kind, text: printable(text), ...(todo !== undefined && { todo: printable(todo) }) })
  }
  const { patience = 5_000, polling = SILENCE_MS } = options
  const headers = { accept: "text/event-stream", "accept-encoding": "gzip, deflate, br", ...options.headers }
  const asking = { ...headers, incremental: "?1" }
  const leave = new AbortController()
  try {
    const asked = performance.now()
    const response = await inTime(fetch(url, { headers: asking, signal: leave.signal, redirect: "manual" }), patience)
    if (response === undefined) {
      find("bad", `no answer within ${seconds(patience)}`, held(undefined))
      await tryPolling(url, headers, polling, find)
      return false
    }
    for (const finding of headOf(response, new URL(url))) find(finding.kind, finding.text, finding.todo)
    if (isRefusedStream(response.headers)) await tryPolling(url, headers, polling, find)
    if (!isStream(response)) return false
    const stream = readFor(response.body as ReadableStream<Uint8Array>)
    if ((await stream.first(patience)) === "late") {
      find("bad", `the head came, and no byte of the stream within ${seconds(patience)}`, held(response))
      leave.abort()
      await tryPolling(url, headers, polling, find)
      return false
    }
    find("ok", `the first bytes came after ${Math.round(performance.now() - asked)} ms`)
    await hear(stream, options.listen, find)
    return isWell
  } catch (error) {
    find("bad", unanswered(error), "check the address, and that the server runs")
    return false
  } finally {
    leave.abort()
  }
}

type Find = (kind: Finding["kind"], text: string, todo?: string) => void

const isStream = ({ status, headers, body }: Response): boolean =>
  status === 200 && body !== null && /^text\/event-stream\b/i.test(headers.get("content-type") ?? "")

/** Listens until a heartbeat is due. */
async function hear(stream: Reading, listen: number | undefined, find: Find): Promise<void> {
  const { heartbeat } = stream
  if (heartbeat !== undefined) find("ok", `a server of Onward: it is heard every ${seconds(heartbeat)} at the latest`)
  const wait = listen ?? (heartbeat === undefined ? SILENCE_MS : heartbeat + HEARTBEAT_SLACK)
  const { isHeard, ending, after } = await stream.rest(wait, listen === undefined)
  if (ending !== undefined) {
    find(
      "bad",
      `the stream was ${ending} after ${seconds(after)}`,
      `find the limit of that length on the way: docs/production.md, "Timeouts and keep-alive"`,
    )
  } else if (isHeard) find("ok", `still open after ${seconds(after)}, and heard of again`)
  else if (heartbeat !== undefined && wait > heartbeat) {
    find(
      "bad",
      `no heartbeat within ${seconds(wait)}`,
      `something on the way holds small writes: docs/troubleshooting.md, "Nothing arrives, or it arrives late", and the option \`flushAfter\` of \`sse\``,
    )
  } else
    find("note", `nothing was heard for ${seconds(wait)}`, "send a comment every 15 s, or quiet streams will be cut")
}

/** Whether the same stream comes in pieces, where it does not come as one. */
async function tryPolling(url: string, headers: Record<string, string>, patience: number, find: Find): Promise<void> {
  const target = new URL(url)
  target.searchParams.set("transport", "poll")
  const asked = performance.now()
  const whole = fetch(target, { headers, signal: AbortSignal.timeout(patience) }).then(async (response) => {
    if (!isStream(response)) return undefined
    await response.text()
    return response
  })
  const response = await whole.catch(() => undefined)
  if (response) {
    const name = holderOf(response)
    find(
      "note",
      `in pieces it comes: the first after ${seconds(performance.now() - asked)}`,
      `${name === undefined ? "" : `${name}; `}until the way is free, give clients \`pollingFetch\` of onward/poll`,
    )
  }
}

const held = (response: Response | undefined): string =>
  (response && holderOf(response)) ??
  `something on the way holds it: docs/troubleshooting.md, "Nothing arrives, or it arrives late"`

/** What to do about somebody who holds streams and says his name. */
function holderOf({ headers }: Response): string | undefined {
  const names = `${headers.get("server") ?? ""} ${headers.get("via") ?? ""}`.toLowerCase()
  const known: Readonly<Record<string, string>> = {
    lighttpd: "lighttpd needs server.stream-response-body = 2",
    cloudflare: "a quick tunnel of Cloudflare holds GET: use a named one",
    varnish: "Varnish must not compress streams: no do_gzip for text/event-stream",
    iis: 'IIS needs responseBufferLimit="0" on the handler',
  }
  const name = Object.keys(known).find((each) => names.includes(each))
  return name === undefined ? undefined : known[name]
}

async function inTime<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms)
  })
  promise.catch(() => {})
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

const seconds = (ms: number): string => `${Math.round(ms / 100) / 10} s`
