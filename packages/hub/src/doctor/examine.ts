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

/** Requests a stream like an EventSource, and reports what refuses, buffers, changes or cuts it. Resolves to true when nothing does. */
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
      find("bad", `the headers arrived, but no byte of the body within ${seconds(patience)}`, held(response))
      leave.abort()
      await tryPolling(url, headers, polling, find)
      return false
    }
    find("ok", `the first byte arrived after ${Math.round(performance.now() - asked)} ms`)
    await hear(stream, options.listen, find)
    return isWell
  } catch (error) {
    find("bad", unanswered(error), "check the URL, and that the server is running")
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
  if (heartbeat !== undefined) find("ok", `an Onward server: a heartbeat at least every ${seconds(heartbeat)}`)
  const wait = listen ?? (heartbeat === undefined ? SILENCE_MS : heartbeat + HEARTBEAT_SLACK)
  const { isHeard, ending, after } = await stream.rest(wait, listen === undefined)
  if (ending !== undefined) {
    find(
      "bad",
      `the stream was ${ending} after ${seconds(after)}`,
      `look for a timeout of that length: docs/production.md, "Timeouts and keep-alive"`,
    )
  } else if (isHeard) find("ok", `still open after ${seconds(after)}, and more arrived`)
  else if (heartbeat !== undefined && wait > heartbeat) {
    find(
      "bad",
      `no heartbeat within ${seconds(wait)}`,
      `a proxy buffers small writes: docs/troubleshooting.md, "Nothing arrives, or it arrives late", and the option \`flushAfter\` of \`sse\``,
    )
  } else find("note", `nothing arrived for ${seconds(wait)}`, "send a comment every 15 s, or proxies cut quiet streams")
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
      `${name === undefined ? "" : `${name}; `}until the way is free, give clients \`pollingFetch\` of onward/client`,
    )
  }
}

const held = (response: Response | undefined): string =>
  (response && holderOf(response)) ??
  `a proxy buffers the stream: docs/troubleshooting.md, "Nothing arrives, or it arrives late"`

/** The fix for a proxy that buffers streams and names itself. */
function holderOf({ headers }: Response): string | undefined {
  const names = `${headers.get("server") ?? ""} ${headers.get("via") ?? ""}`.toLowerCase()
  const known: Readonly<Record<string, string>> = {
    lighttpd: "lighttpd needs server.stream-response-body = 2",
    cloudflare: "Cloudflare quick tunnels buffer GET: use a named tunnel",
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
