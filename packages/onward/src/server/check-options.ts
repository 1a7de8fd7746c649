import { checkClock } from "../clock.ts"
import { OnwardError } from "../errors.ts"
import { isSubscription } from "../hub/index.ts"
import { kindOf, tagOf } from "../kind.ts"
import { checkKinds, checkNames, durationOf } from "../options.ts"
import type { SourceSseOptions, SseResponseOptions } from "./options.ts"
import { isPreparedSource } from "./prepared-source.ts"
import type { SseOptions } from "./sse-options.ts"

const OPTIONS = [
  "cors",
  "headers",
  "retry",
  "flushAfter",
  "padding",
  "heartbeat",
  "stallTimeout",
  "compress",
  "ignoreAccept",
  "incremental",
  "end",
  "signal",
  "clock",
  "onError",
  "compress.prefer",
  "cors.origins",
  "cors.credentials",
]

/** Where the options of a custom source are set for a subscription. */
const FOR_SUBSCRIPTIONS: Readonly<Record<Exclude<keyof SourceSseOptions, keyof SseResponseOptions>, string>> = {
  heartbeat: "createHub({ heartbeat })",
  stallTimeout: "createHub({ stallTimeout })",
  onError: "createHub({ onError })",
  signal: "hub.subscribe({ signal })",
  end: "hub.subscribe({ until })",
}

/** Options that a prepared source sets, so callers cannot. */
const PREPARED: readonly (keyof SourceSseOptions)[] = ["end", "ignoreAccept"]

const MAX_PADDING = 65_536

const KINDS = {
  end: "true or false",
  ignoreAccept: "true or false",
  incremental: "true or false",
  signal: "an AbortSignal",
  onError: "a function",
} as const

const DURATIONS = ["flushAfter", "heartbeat", "stallTimeout"] as const

/** Throws a `TypeError` for options that do not exist, and for values of the wrong type. */
export function checkSseOptions(options: SseOptions): void {
  checkNames("sse", options, OPTIONS)
  checkKinds("sse", options, KINDS)
  const given: SourceSseOptions = options
  const { headers, retry, padding, clock, compress } = given
  if (clock !== undefined) checkClock("sse", clock)
  if (headers !== undefined) checkHeaders(headers)
  for (const name of DURATIONS) durationOf(`sse: \`${name}\``, given[name], Infinity)
  expect("retry", retry, isWhole(retry), "a whole number of milliseconds, 0 or more")
  expect(
    "padding",
    padding,
    isWhole(padding) && (padding as number) <= MAX_PADDING,
    `a whole number of bytes up to ${MAX_PADDING}`,
  )
  if (compress !== undefined) checkCompress(compress)
}

/** Like `checkSseOptions`; also throws a `TypeError` for options that have no effect on this kind of source. */
export function checkOptionsFor(source: unknown, options: SseOptions): void {
  checkSseOptions(options)
  const isGiven = (name: string): boolean => (options as Readonly<Record<string, unknown>>)[name] !== undefined
  if (isSubscription(source)) {
    for (const name in FOR_SUBSCRIPTIONS) {
      if (!isGiven(name)) continue
      const place = FOR_SUBSCRIPTIONS[name as keyof typeof FOR_SUBSCRIPTIONS]
      throw new TypeError(`sse: \`${name}\` has no effect on a subscription. Set it in ${place}.`)
    }
    return
  }
  if (!isPreparedSource(source)) return
  for (const name of PREPARED) {
    if (isGiven(name))
      throw new TypeError(`sse: \`${name}\` cannot be changed, because this source sets it. Remove the option.`)
  }
}

function checkCompress(compress: unknown): void {
  if (compress === "shared") return
  if (tagOf(compress) !== "[object Object]") {
    throw new TypeError(`sse: \`compress\` must be "shared" or { prefer: "gzip" | "zstd" }, not ${kindOf(compress)}.`)
  }
  checkNames("sse: `compress`", compress, ["prefer"])
  const { prefer } = compress as { prefer?: unknown }
  if (prefer === "gzip" || prefer === "zstd") return
  throw new TypeError(`sse: \`compress.prefer\` must be "gzip" or "zstd", not ${kindOf(prefer)}.`)
}

const isWhole = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0

function expect(name: string, value: unknown, isRight: boolean, what: string): void {
  if (value === undefined || isRight) return
  throw new TypeError(`sse: \`${name}\` must be ${what}, not ${kindOf(value)}.`)
}

/** Throws `OnwardError("invalid_message")` for values that no header can hold: they may be made of a client's input. */
export function checkHeaderValues(headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) {
    // RFC 9110 section 5.5
    if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) continue
    throw new OnwardError(
      "invalid_message",
      `The header \`${name}\` cannot hold this value. Encode it, for example by encodeURIComponent.`,
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
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name)) throw new TypeError(`sse: "${name}" is not a valid header name.`)
    if (typeof value === "string") continue
    throw new TypeError(`sse: the header "${name}" must be a string, not ${kindOf(value)}.`)
  }
}
