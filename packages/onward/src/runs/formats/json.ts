import { OnwardError } from "../../errors.ts"
import type { Ending, Format, FormatMessage, Usage } from "../format.ts"

/** What most formats' frames are. */
export type Json = Readonly<Record<string, unknown>>

/** The line that ends a stream of some formats. It is no frame of an answer: it is written when an answer has ended well, and never kept. */
export const DONE = "[DONE]"
export type Done = typeof DONE

export const isJson = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value)

export const jsonOf = (value: unknown): Json => (isJson(value) ? value : {})

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "")

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

/**
 * The JSON object in a message; undefined for the line that ends the stream.
 * @throws OnwardError `source_failed` for anything else
 */
export function parseJson(format: string, { data }: FormatMessage): Json | undefined {
  if (data === DONE) return undefined
  let value: unknown
  try {
    value = JSON.parse(data)
  } catch (cause) {
    throw new OnwardError("source_failed", `the source sent something that is not JSON, so it is not ${format}`, {
      cause,
    })
  }
  if (isJson(value)) return value
  throw new OnwardError("source_failed", `the source sent JSON that is no object, so it is not ${format}`)
}

/** What a format of JSON objects is made of; the rest is the same for all of them. */
export interface JsonFormat<F> extends Omit<Format<F>, "decode"> {
  /** As `decode`, but for the event's name and for digits that JavaScript cannot hold. */
  readonly read: (message: FormatMessage) => F | undefined
}

/** What a frame cannot hold of the message it came in. */
interface Origin {
  /** The event's name, if it is not the one that the format gives. */
  readonly event: string | undefined
  /** Its JSON, if a number in it would be written with other digits, such as `1.10` or one of more than 53 bits. */
  readonly text: string | undefined
}

const origins = new WeakMap<object, Origin>()

/**
 * Completes a format whose frames are JSON objects: what was read is written with the same event name and the same digits. Frames
 * whose digits JavaScript cannot hold are not merged.
 */
export function jsonFormat<F>({ read, ...format }: JsonFormat<F>): Format<F> {
  const originOf = (frame: F): Origin | undefined =>
    typeof frame === "object" && frame !== null ? origins.get(frame) : undefined

  return {
    ...format,
    decode(message) {
      const frame = read(message)
      if (typeof frame !== "object" || frame === null) return frame
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
      if (b && typeof both === "object" && both !== null) origins.set(both, b)
      return both
    },
  }
}

/** A number that may be written with other digits: -0, an exponent, a last decimal of 0, or more digits than a double holds. */
const SUSPECT = /[:,[\s](?:-0[,}\]\s]|-?(?:\d+(?:\.\d*)?[eE]|\d+\.\d*0[,}\]\s]|[\d.]{16}))/
const NUMBER = /-?\d[\d.eE+-]*/g

/** Whether JSON has a number that JavaScript writes with other digits. Takes time in proportion to its length, and no stack. */
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

/** Where a string of JSON ends that begins at `start`, its last quote included. */
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

/** Padding against those who listen for lengths: it would only be kept, and does nothing for whoever reads the log. */
export const PADDING = "obfuscation"

/** An object without some of its members; itself when it has none of them. */
export function without(object: Json, ...names: readonly string[]): Json {
  if (!names.some((name) => name in object)) return object
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)))
}

/** Whether two objects say the same but for some members. Asked for each token, so nothing is made of what is equal. */
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

/** The later of two objects with both their text in `name`, when that is all they differ in; `ignored` may differ too. */
export function joinText(previous: Json, next: Json, name: string, ...ignored: readonly string[]): Json | undefined {
  const [a, b] = [previous[name], next[name]]
  if (typeof a !== "string" || typeof b !== "string" || !isSameBut(previous, next, name, ...ignored)) return undefined
  return { ...next, [name]: a + b }
}

export interface Fault {
  readonly code: string
  readonly message: string
}

/** What a viewer is told of an ending that is not a good one. `completed` counts as one only after what completes an answer. */
export function faultOf({ status, error }: Ending): Fault {
  if (error) return error
  if (status === "stopped") return { code: "run_stopped", message: "the answer was stopped" }
  if (status === "lost") return { code: "producer_lost", message: "whoever wrote this answer is gone" }
  if (status === "failed") return { code: "source_failed", message: "the source of this answer failed" }
  return { code: "stream_ended", message: "the answer ended before it was complete" }
}

/** Token counts under a provider's own names. */
export function usageOf(usage: Json, inputName: string, outputName: string): Usage {
  const [input, output] = [usage[inputName], usage[outputName]]
  return { ...(typeof input === "number" && { input }), ...(typeof output === "number" && { output }) }
}
