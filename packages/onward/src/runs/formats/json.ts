import { OnwardError } from "../../errors.ts"
import type { Ending, Format, FormatMessage, Usage } from "../format.ts"

/** The frame type of most formats. */
export type Json = Readonly<Record<string, unknown>>

/** The data that ends a stream of some formats. It is written after a completed response, and not stored. */
export const DONE = "[DONE]"
export type Done = typeof DONE

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const jsonOf = (value: unknown): Json => (isJson(value) ? value : {})

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/**
 * The JSON object in a message; undefined for the data that ends the stream.
 * @throws OnwardError `source_failed` for other messages
 */
export function parseJson(format: string, { data }: FormatMessage): Json | undefined {
  if (data === DONE) return undefined
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch (cause) {
    throw new OnwardError(
      "source_failed",
      `The source sent data that is not JSON, so its format is not ${format}. Pass the format of the provider.`,
      {
        cause,
      },
    )
  }
  if (isJson(value)) return value
  throw new OnwardError(
    "source_failed",
    `The source sent JSON that is not an object, so its format is not ${format}. Pass the format of the provider.`,
  )
}

/** The parts of a JSON format that differ between formats. */
export interface JsonFormat<F> extends Omit<Format<F>, "decode"> {
  /** Like `decode`, without the event's name and the digits that JavaScript cannot hold. */
  readonly read: (message: FormatMessage) => (F & object) | undefined
}

/** Properties of a message that its frame cannot hold. */
interface Origin {
  /** The event's name, if the format would write another one. */
  readonly event: string | undefined
  /** The JSON text, if JavaScript would write one of its numbers with other digits, such as `1.10` or more than 53 bits. */
  readonly text: string | undefined
}

const origins = new WeakMap<object, Origin>()

/**
 * Completes a format whose frames are JSON objects. A frame is written with the event name and the digits with which it was read. Frames
 * with digits that JavaScript cannot hold are not merged.
 */
export function jsonFormat<F>({ read, ...format }: JsonFormat<F>): Format<F> {
  // a frame that is text, such as `[DONE]`, has none
  const originOf = (frame: F): Origin | undefined => origins.get(frame as object)

  return {
    ...format,
    decode(message) {
      const frame = read(message)
      if (frame === undefined) return undefined
      const text = hasInexactNumber(message.data) ? message.data : undefined
      const { event } = message
      if (text !== undefined || (event !== undefined && event !== format.encode(frame).event)) {
        origins.set(frame, { event, text })
      }
      return frame
    },
    encode(frame) {
      const origin = originOf(frame)
      if (!origin) return format.encode(frame)
      const { event, data } = format.encode(frame)
      const name = origin.event ?? event
      return { ...(name !== undefined && { event: name }), data: origin.text ?? data }
    },
    merge(previous, next) {
      const [a, b] = [originOf(previous), originOf(next)]
      if (a?.text !== undefined || b?.text !== undefined || a?.event !== b?.event) return undefined
      const both = format.merge(previous, next)
      if (b && both !== undefined) origins.set(both as object, b)
      return both
    },
  }
}

/** A number that JavaScript may write with other digits: -0, an exponent, a last decimal of 0, or more digits than a double holds. */
const SUSPECT = /[:,[\s](?:-0[,}\]\s]|-?(?:\d+(?:\.\d*)?[eE]|\d+\.\d*0[,}\]\s]|[\d.]{16}))/
const NUMBER = /-?\d[\d.eE+-]*/g

/** Whether JSON has a number that JavaScript writes with other digits. Linear time, without recursion. */
export function hasInexactNumber(json: string): boolean {
  if (!SUSPECT.test(json)) return false
  for (let at = 0; ;) {
    const quote = json.indexOf('"', at)
    const outside = json.slice(at, quote < 0 ? undefined : quote)
    for (const [number] of outside.matchAll(NUMBER)) if (JSON.stringify(Number(number)) !== number) return true
    if (quote < 0) return false
    at = endOfString(json, quote + 1)
  }
}

/** The end of the JSON string that begins at `start`, including its last quote. */
function endOfString(json: string, start: number): number {
  for (let at = start; ;) {
    const quote = json.indexOf('"', at)
    if (quote < 0) return json.length
    let escapes = 0
    while (json[quote - 1 - escapes] === "\\" && quote - 1 - escapes >= start) escapes++
    at = quote + 1
    if (escapes % 2 === 0) return at
  }
}

/** Padding against attacks on message lengths. It is not stored, because it has no use for readers of the log. */
export const PADDING = "obfuscation"

/** An object without some of its members; the object itself if it does not have them. */
export function without(object: Json, ...names: readonly string[]): Json {
  if (!names.some((name) => name in object)) return object
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)))
}

/** Whether two objects are equal except for some members. Called for each token, so it allocates nothing. */
export function isSameBut(a: Json, b: Json, ...names: readonly string[]): boolean {
  let extra = 0
  for (const name in a) {
    if (names.includes(name)) continue
    if (!isSame(a[name], b[name])) return false
    extra--
  }
  for (const name in b) if (!names.includes(name)) extra++
  return extra === 0
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (typeof a === "object" && typeof b === "object" && JSON.stringify(a) === JSON.stringify(b))
}

/** The later of two objects with the text of both in `name`, if they have one and differ only in it and in `ignored`. */
export function joinText(
  previous: Json,
  next: Json,
  name: string | undefined,
  ...ignored: readonly string[]
): Json | undefined {
  if (name === undefined) return undefined
  const [a, b] = [previous[name], next[name]]
  if (typeof a !== "string" || typeof b !== "string" || !isSameBut(previous, next, name, ...ignored)) return undefined
  return { ...next, [name]: a + b }
}

export interface Fault {
  readonly code: string
  readonly message: string
}

/** The error that viewers see for an end other than a completed response. */
export function faultOf({ status, error }: Ending): Fault {
  if (error) return error
  if (status === "stopped") return { code: "run_stopped", message: "The response was stopped." }
  if (status === "lost")
    return { code: "producer_lost", message: "The server that generated this response stopped unexpectedly." }
  if (status === "failed") return { code: "source_failed", message: "The source of this response failed." }
  return { code: "stream_ended", message: "The response ended before it was complete." }
}

/** Token counts under the provider's names. */
export function usageOf(usage: Json, inputName: string, outputName: string): Usage {
  const [input, output] = [usage[inputName], usage[outputName]]
  return { ...(typeof input === "number" && { input }), ...(typeof output === "number" && { output }) }
}
