import { printable } from "../printable.ts"
import { readText } from "../read-text.ts"
import type { Find, Finding } from "./finding.ts"
import { headOf, isRefusedStream, unanswered } from "./head.ts"
import { readFor, type Reading } from "./reading.ts"

export interface ExamineOptions {
  /** More request headers, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>
  /** Maximum time until the response's head, and until the first byte, in ms. @default 5_000 */
  readonly timeout?: number
  /** How long to listen, in ms. @default until the heartbeat that the server announces, else 20_000 */
  readonly listen?: number
  /** Maximum time of the long-polling request that follows a failed stream, in ms. @default 20_000 */
  readonly pollTimeout?: number
  /** Called with each finding. */
  readonly onFinding: (finding: Finding) => void
}

/** Maximum delay of an announced heartbeat by proxies, in ms. */
const HEARTBEAT_SLACK = 2_000
/** Maximum size of a long-polling response, in bytes. */
const MAX_POLL_BYTES = 16 * 1024 ** 2
/** Time to listen without an announced heartbeat, in ms. Longer than most heartbeat intervals. */
const SILENCE_MS = 20_000

/** Requests a stream like an EventSource, and reports what refuses, buffers, changes or cuts it. Resolves with true if nothing does. */
export async function examine(url: string, options: ExamineOptions): Promise<boolean> {
  let isWell = true
  const find = (kind: Finding["kind"], text: string, todo?: string): void => {
    if (kind === "bad") isWell = false
    // the text can contain text of the server
    options.onFinding({ kind, text: printable(text), ...(todo !== undefined && { todo: printable(todo) }) })
  }
  const { timeout = 5_000, pollTimeout = SILENCE_MS } = options
  const headers = { accept: "text/event-stream", "accept-encoding": "gzip, deflate, br", ...options.headers }
  const streamHeaders = { ...headers, incremental: "?1" }
  const aborter = new AbortController()
  try {
    const startedAt = performance.now()
    const response = await inTime(
      fetch(url, { headers: streamHeaders, signal: aborter.signal, redirect: "manual" }),
      timeout,
    )
    if (response === undefined) {
      find("bad", `no response within ${seconds(timeout)}`, bufferedBy(undefined))
      await tryPolling(url, headers, pollTimeout, find)
      return false
    }
    for (const finding of headOf(response, new URL(url))) find(finding.kind, finding.text, finding.todo)
    if (isRefusedStream(response.headers)) await tryPolling(url, headers, pollTimeout, find)
    if (!isStream(response)) return false
    const stream = readFor(response.body as ReadableStream<Uint8Array>)
    if ((await stream.first(timeout)) === "late") {
      find("bad", `the headers arrived, but no byte of the body within ${seconds(timeout)}`, bufferedBy(response))
      aborter.abort()
      await tryPolling(url, headers, pollTimeout, find)
      return false
    }
    find("ok", `the first byte arrived after ${Math.round(performance.now() - startedAt)} ms`)
    await listenForHeartbeat(stream, options.listen, find)
    return isWell
  } catch (error) {
    find("bad", unanswered(error), "check the URL, and that the server is running")
    return false
  } finally {
    aborter.abort()
  }
}

const isStream = ({ status, headers, body }: Response): boolean =>
  status === 200 && body !== null && /^text\/event-stream\b/i.test(headers.get("content-type") ?? "")

/** Listens until a heartbeat is due. */
async function listenForHeartbeat(stream: Reading, listen: number | undefined, find: Find): Promise<void> {
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
  } else if (isHeard) find("ok", `still open after ${seconds(after)}, and more bytes arrived`)
  else if (heartbeat !== undefined && wait > heartbeat) {
    find(
      "bad",
      `no heartbeat within ${seconds(wait)}`,
      `a proxy buffers small writes: docs/troubleshooting.md, "Nothing arrives, or it arrives late", and the option \`flushAfter\` of \`sse\``,
    )
  } else find("note", `nothing arrived for ${seconds(wait)}`, "send a comment every 15 s, or proxies cut quiet streams")
}

/** Reports whether long polling works for a stream that does not arrive. */
async function tryPolling(url: string, headers: Record<string, string>, timeout: number, find: Find): Promise<void> {
  const target = new URL(url)
  target.searchParams.set("transport", "poll")
  const startedAt = performance.now()
  const whole = fetch(target, { headers, signal: AbortSignal.timeout(timeout) }).then(async (response) => {
    if (!isStream(response)) return undefined
    await readText(response, MAX_POLL_BYTES)
    return response
  })
  const response = await whole.catch(() => undefined)
  if (response) {
    const fix = fixFor(response)
    find(
      "note",
      `long polling works: the first response took ${seconds(performance.now() - startedAt)}`,
      `${fix === undefined ? "" : `${fix}; `}until streams arrive, give clients \`pollingFetch\` of onward/client`,
    )
  }
}

const bufferedBy = (response: Response | undefined): string =>
  (response && fixFor(response)) ??
  `a proxy buffers the stream: docs/troubleshooting.md, "Nothing arrives, or it arrives late"`

/** Returns the fix for a proxy that buffers streams, if a header names it. */
function fixFor({ headers }: Response): string | undefined {
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
