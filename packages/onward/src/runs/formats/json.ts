import { OnwardError } from "../../errors.ts"
import type { Ending, FormatMessage, Usage } from "../format.ts"

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
