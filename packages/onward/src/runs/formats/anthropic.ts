import type { FinishReason, FrameReader, Format, Part } from "../format.ts"
import { messageError, writeMessage } from "./anthropic-writer.ts"
import {
  faultOf,
  isJson,
  isSameBut,
  joinText,
  jsonFormat,
  jsonOf,
  parseJson,
  textOf,
  usageOf,
  type Json,
} from "./json.ts"

const NAME = "anthropic"

/**
 * Events of Anthropic's messages. Only `message_stop` completes a message. Any other end is an `error` event, which official clients throw.
 * An open text is closed before it; a tool's input is not.
 */
export function anthropic<Event extends object = object>(): Format<Event> {
  const format = jsonFormat<Json>({
    name: NAME,
    encode: (frame) => ({ event: textOf(frame["type"]), data: JSON.stringify(frame) }),
    read(message) {
      if (message.event === "ping") return undefined
      const frame = parseJson(NAME, message)
      return frame?.["type"] === "ping" ? undefined : frame
    },
    merge: mergeEvents,
    reader,
    writer: writeMessage,
  })
  return format as unknown as Format<Event>
}

/** The member with the text of each delta. Signatures and citations are sent whole. */
const PIECES: Readonly<Record<string, string>> = {
  text_delta: "text",
  input_json_delta: "partial_json",
  thinking_delta: "thinking",
}

function mergeEvents(previous: Json, next: Json): Json | undefined {
  if (next["type"] !== "content_block_delta" || !isSameBut(previous, next, "delta")) return undefined
  const [a, b] = [jsonOf(previous["delta"]), jsonOf(next["delta"])]
  const delta = joinText(a, b, PIECES[textOf(b["type"])])
  return delta && { ...next, delta }
}

function reader(): FrameReader<Json> {
  /** Open blocks by index. */
  const blocks = new Map<unknown, Json>()
  let isComplete = false

  function start(event: Json): Part[] {
    const block = jsonOf(event["content_block"])
    // some providers send the same index for all blocks, or no index
    const parts = stop(event)
    blocks.set(event["index"], block)
    if (block["type"] === "tool_use")
      return [...parts, { type: "tool-start", id: textOf(block["id"]), name: textOf(block["name"]) }]
    const text = textOf(block["text"])
    return block["type"] === "text" && text !== "" ? [...parts, { type: "text", delta: text }] : parts
  }

  function stop(event: Json): Part[] {
    const block = blocks.get(event["index"])
    blocks.delete(event["index"])
    return block?.["type"] === "tool_use" ? [{ type: "tool-end", id: textOf(block["id"]) }] : []
  }

  function take(event: Json): Part[] {
    switch (event["type"]) {
      case "message_start": {
        const { model, usage } = jsonOf(event["message"])
        return [{ type: "start", ...(typeof model === "string" && { model }) }, ...count(usage)]
      }
      case "content_block_start":
        return start(event)
      case "content_block_delta": {
        const delta = jsonOf(event["delta"])
        const piece = textOf(delta[PIECES[textOf(delta["type"])] ?? ""])
        if (piece === "") return []
        if (delta["type"] === "text_delta") return [{ type: "text", delta: piece }]
        if (delta["type"] === "thinking_delta") return [{ type: "reasoning", delta: piece }]
        const block = blocks.get(event["index"])
        return block?.["type"] === "tool_use" ? [{ type: "tool-input", id: textOf(block["id"]), delta: piece }] : []
      }
      case "content_block_stop":
        return stop(event)
      case "message_delta": {
        const reason = jsonOf(event["delta"])["stop_reason"]
        return [
          ...count(event["usage"]),
          ...(reason == null ? [] : [{ type: "finish", reason: reasonOf(reason) } as const]),
        ]
      }
      case "message_stop":
        isComplete = true
        return [{ type: "end", ending: { status: "completed" } }]
      case "error": {
        isComplete = true
        const { type, message } = jsonOf(event["error"])
        const error = { code: textOf(type) || "source_failed", message: textOf(message) }
        return [{ type: "end", ending: { status: "failed", error } }]
      }
      default:
        return []
    }
  }

  return {
    get isComplete() {
      return isComplete
    },
    take,
    end(ending) {
      if (isComplete) return []
      const texts = [...blocks].filter(([, { type }]) => type === "text" || type === "thinking")
      const closing = texts.map(([index]) => ({ type: "content_block_stop", index }))
      return [...closing, messageError(faultOf(ending))]
    },
  }
}

const count = (usage: unknown): Part[] =>
  isJson(usage) ? [{ type: "usage", usage: usageOf(usage, "input_tokens", "output_tokens") }] : []

const REASONS: Readonly<Record<string, FinishReason>> = {
  end_turn: "stop",
  stop_sequence: "stop",
  max_tokens: "length",
  model_context_window_exceeded: "length",
  tool_use: "tool-calls",
  refusal: "content-filter",
}

const reasonOf = (reason: unknown): FinishReason => REASONS[textOf(reason)] ?? "other"
