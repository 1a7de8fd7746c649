import { checkClock, type Clock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { isSubscription } from "../hub/index.ts"
import { kindOf, tagOf } from "../kind.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import type { CorsOptions } from "./cors.ts"

export interface SseOptions {
  /** Who may read the stream from other origins. @default nobody */
  readonly cors?: CorsOptions
  /** More response headers. */
  readonly headers?: Readonly<Record<string, string>>
  /** Reconnection time, in ms, sent with the first event or checkpoint. @default the browser's */
  readonly retry?: number
  /**
   * A comment follows that long after the last event of a burst, in ms, 50 to 100 for instance: for scanners and clients that hand on
   * what came last only when more comes, see docs/production.md. @default none does
   */
  readonly flushAfter?: number
  /** So many bytes of a comment are sent first, for what holds back the first kilobyte or two. @default 0 */
  readonly padding?: number
  /** Longest silence on the stream of a source of your own, in ms; a hub has its own. @default 15_000 */
  readonly heartbeat?: number
  /** How long a client of a source of your own may take nothing before it is closed, in ms; a hub has its own. @default 120_000 */
  readonly stallTimeout?: number
  /**
   * `"shared"`: a hub's stream goes out as gzip to clients that accept it, each event compressed once for all who get it. On Node only;
   * elsewhere it changes nothing, and a source of your own cannot have it. Mixing secrets with text that others choose is what docs/production.md
   * warns of. @default no compression
   */
  readonly compress?: "shared"
  /** `"any"`: whatever a request says it accepts, as clients of AI providers ask for JSON and want a stream. @default "event-stream" */
  readonly accept?: "event-stream" | "any"
  /**
   * Whether the response asks proxies not to buffer it, by `Incremental: ?1` (RFC 10036). A proxy that has to read whole responses then answers 501
   * instead of holding the stream. @default true
   */
  readonly incremental?: boolean
  /** Whether a source of your own that ends is followed by `stream.end`, at which clients stop reconnecting. @default true */
  readonly end?: boolean
  /** Ends the stream of a source of your own, for clients to come back, as when a server closes; a hub's subscription has its own. */
  readonly signal?: AbortSignal
  /** Where time and chance come from, in tests that of `onward/testing`. @default the hub's, for a source of your own the machine's */
  readonly clock?: Clock
  /** Told what a source of your own threw. Clients are never. @default console.error */
  readonly onError?: (error: unknown) => void
}

const OPTIONS = [
  "cors",
  "headers",
  "retry",
  "flushAfter",
  "padding",
  "heartbeat",
  "stallTimeout",
  "compress",
  "accept",
  "incremental",
  "end",
  "signal",
  "clock",
  "onError",
  "cors.origins",
  "cors.credentials",
]

/** What a hub's subscription has of its own, and where it is set. */
const OF_HUBS = {
  heartbeat: "createHub({ heartbeat })",
  stallTimeout: "createHub({ stallTimeout })",
  onError: "createHub({ onError })",
  signal: "hub.subscribe({ signal })",
  end: "hub.subscribe({ until })",
} as const

const MAX_PADDING = 65_536

/** Throws a `TypeError` for names that do not exist, and for values that are of the wrong type. */
export function checkSseOptions(options: SseOptions): void {
  checkNames("sse", options, OPTIONS)
  checkKinds("sse", options, {
    end: "true or false",
    incremental: "true or false",
    signal: "an AbortSignal",
    onError: "a function",
  })
  const { headers, retry, padding, compress, accept, clock } = options
  if (clock !== undefined) checkClock("sse", clock)
  if (headers !== undefined) checkHeaders(headers)
  for (const name of ["flushAfter", "heartbeat", "stallTimeout"] as const)
    durationOf(`sse: \`${name}\``, options[name], 1)
  expect("retry", retry, isWhole(retry), "a whole number of milliseconds, 0 or more")
  expect(
    "padding",
    padding,
    isWhole(padding) && (padding as number) <= MAX_PADDING,
    `a whole number of bytes up to ${MAX_PADDING}`,
  )
  expect("compress", compress, compress === "shared", '"shared"')
  expect("accept", accept, accept === "any" || accept === "event-stream", '"event-stream" or "any"')
}

/** The same, and throws a `TypeError` for options that have no effect on this kind of source. */
export function checkOptionsFor(source: unknown, options: SseOptions): void {
  checkSseOptions(options)
  if (!isSubscription(source)) {
    if (options.compress === undefined) return
    throw new TypeError(
      "sse: `compress` has no effect on a source of your own. Leave it out, or publish through a hub.",
    )
  }
  for (const [name, place] of Object.entries(OF_HUBS)) {
    if (options[name as keyof typeof OF_HUBS] === undefined) continue
    throw new TypeError(`sse: \`${name}\` has no effect on a subscription. Set it in ${place}.`)
  }
}

/** Options with an adapter's own, for a source of the caller's: a subscription needs none of them. */
export function withDefaults(
  source: unknown,
  options: SseOptions,
  { onError, signal }: { readonly onError: (error: unknown) => void; readonly signal?: AbortSignal | undefined },
): SseOptions {
  // what is no object is refused as it is
  if (isSubscription(source) || tagOf(options) !== "[object Object]") return options
  const both = signal && options.signal ? AbortSignal.any([signal, options.signal]) : (signal ?? options.signal)
  return { onError, ...options, ...(both && { signal: both }) }
}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

function expect(name: string, value: unknown, isRight: boolean, what: string): void {
  if (value === undefined || isRight) return
  throw new TypeError(`sse: \`${name}\` must be ${what}, not ${kindOf(value)}.`)
}

/** Throws `OnwardError("invalid_message")` for values that no header can hold: they may be made of what a client sent. */
export function checkHeaderValues(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    // RFC 9110 section 5.5
    if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) continue
    throw new OnwardError(
      "invalid_message",
      `The header \`${name}\` cannot hold this value. Encode it, as encodeURIComponent does.`,
    )
  }
}

function checkHeaders(headers: unknown): void {
  if (tagOf(headers) !== "[object Object]") {
    const advice = tagOf(headers) === "[object Headers]" ? " Pass Object.fromEntries(headers)." : ""
    throw new TypeError(`sse: \`headers\` must be a plain object, not ${kindOf(headers)}.${advice}`)
  }
  for (const [name, value] of Object.entries(headers as object) as [string, unknown][]) {
    // RFC 9110 section 5.1
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new TypeError(`sse: "${name}" is not a name of a header.`)
    if (typeof value === "string") continue
    throw new TypeError(`sse: the header "${name}" must be a string, not ${kindOf(value)}.`)
  }
}
