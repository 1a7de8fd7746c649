import type { FrameReader, Format, Part } from "../format.ts"
import {
  PADDING,
  faultOf,
  isJson,
  isSameBut,
  joinText,
  jsonFormat,
  jsonOf,
  listOf,
  parseJson,
  textOf,
  usageOf,
  without,
  type Json,
} from "./json.ts"
import { createOutput } from "./openai-output.ts"
import { writeResponse } from "./openai-responses-writer.ts"

const NAME = "openai-responses"

/**
 * Events of OpenAI's Responses. Merged deltas keep the last one's `sequence_number`, so that `starting_after` means the same for all clients.
 * A response is complete with `response.completed`, or with `response.incomplete` when the model reached a limit. A run that failed ends with
 * `response.failed`, a stopped one with `response.incomplete` and the status `cancelled`. Both contain the output up to then.
 */
export function openaiResponses<Event extends object = object>(): Format<Event> {
  const format = jsonFormat<Json>({
    name: NAME,
    encode(frame) {
      const event = textOf(frame["type"])
      return { ...(event && { event }), data: JSON.stringify(without(frame, PADDING)) }
    },
    read(message) {
      const frame = parseJson(NAME, message)
      if (!frame) return undefined
      const typed = "type" in frame || message.event === undefined ? frame : { type: message.event, ...frame }
      return without(typed, PADDING)
    },
    merge: mergeEvents,
    reader,
    writer: writeResponse,
  })
  return format as unknown as Format<Event>
}

/** The `sequence_number` of an event, with which clients resume: `starting_after`. */
export const sequenceOf = (frame: unknown): number | undefined => {
  const number = jsonOf(frame)["sequence_number"]
  return typeof number === "number" ? number : undefined
}

/** Deltas that are text. Audio deltas are not. */
const TEXT_DELTA =
  /^response\.(?:(?:output_text|refusal|reasoning_text|reasoning_summary_text|custom_tool_call_input|code_interpreter_call_code)\.|(?:function|mcp)_call_arguments\.)delta$/

function mergeEvents(previous: Json, next: Json): Json | undefined {
  if (!TEXT_DELTA.test(textOf(next["type"]))) return undefined
  const both = joinText(previous, next, "delta", "sequence_number", "logprobs", PADDING)
  const [a, b] = [previous["logprobs"], next["logprobs"]]
  return (
    both &&
    (Array.isArray(a) && Array.isArray(b)
      ? { ...both, logprobs: [...a, ...b] }
      : isSameBut({ a }, { a: b })
        ? both
        : undefined)
  )
}

/** The events that end a response, and their status. */
const TERMINAL: ReadonlyMap<string, "completed" | "failed" | "stopped"> = new Map([
  ["response.completed", "completed"],
  ["response.incomplete", "completed"],
  ["response.failed", "failed"],
  ["response.cancelled", "stopped"],
  ["error", "failed"],
])

function reader(): FrameReader<Json> {
  const output = createOutput()
  let sequence = -1
  let isComplete = false

  function close(ends: "completed" | "failed" | "stopped", response: Json, fault: Json): Part[] {
    isComplete = true
    const { code, message } = fault
    const error = { code: textOf(code) || "source_failed", message: textOf(message) }
    const status = response["status"] === "cancelled" ? "stopped" : ends
    const usage = response["usage"]
    return [
      ...(isJson(usage) ? [{ type: "usage", usage: usageOf(usage, "input_tokens", "output_tokens") } as const] : []),
      ...(status === "completed" ? [{ type: "finish", reason: reasonOf(response) } as const] : []),
      { type: "end", ending: { status, ...(status === "failed" && { error }) } },
    ]
  }

  return {
    get isComplete() {
      return isComplete
    },
    take(frame) {
      sequence = sequenceOf(frame) ?? sequence + 1
      const type = textOf(frame["type"])
      const parts = output.take(frame)
      const ends = TERMINAL.get(type)
      if (ends === undefined) return parts
      const response = jsonOf(frame["response"])
      return [...parts, ...close(ends, response, type === "error" ? frame : jsonOf(response["error"]))]
    },
    end(ending) {
      if (isComplete) return []
      const { code, message } = faultOf(ending)
      const number = (event: Json): Json => ({ ...event, sequence_number: ++sequence })
      if (!output.response) return [number({ type: "error", code, message, param: null })]
      const closing = output.close().map(number)
      const isStop = ending.status === "stopped"
      const response = {
        ...output.response,
        status: isStop ? "cancelled" : "failed",
        // OpenAI defines few codes, and clients treat an unknown one like this one
        error: isStop ? null : { code: "server_error", message: `${message} (${code})` },
        incomplete_details: isStop ? { reason: "cancelled" } : null,
        output: output.items,
      }
      return [...closing, number({ type: isStop ? "response.incomplete" : "response.failed", response })]
    },
  }
}

function reasonOf({ output, incomplete_details }: Json): "stop" | "length" | "tool-calls" | "content-filter" | "other" {
  const { reason } = jsonOf(incomplete_details)
  if (reason === "max_output_tokens") return "length"
  if (reason === "content_filter") return "content-filter"
  if (reason !== undefined) return "other"
  return listOf(output).some((item) => jsonOf(item)["type"] === "function_call") ? "tool-calls" : "stop"
}
