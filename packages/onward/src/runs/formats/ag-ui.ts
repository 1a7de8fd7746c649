import type { FrameReader, Format, Part, Usage } from "../format.ts"
import { writeEvents } from "./ag-ui-writer.ts"
import { faultOf, isJson, jsonFormat, joinText, jsonOf, listOf, parseJson, textOf, usageOf, type Json } from "./json.ts"

const NAME = "ag-ui"

/**
 * Events of AG-UI, as agents and TanStack AI send them. `RUN_FINISHED` completes a run, and another `RUN_STARTED` may follow it. A run that
 * failed or was stopped ends with `RUN_ERROR`, because clients before version 1.0 treat each `RUN_FINISHED` as success. Open texts are closed
 * before it; open tool calls are not.
 */
export function agUi<Event extends object = object>(): Format<Event> {
  const format = jsonFormat<Json>({
    name: NAME,
    isSequence: true,
    encode: (frame) => ({ data: JSON.stringify(frame) }),
    read: (message) => parseJson(NAME, message),
    merge: (previous, next) =>
      DELTA.test(textOf(next["type"])) ? joinText(previous, next, "delta", "timestamp") : undefined,
    reader,
    writer: writeEvents,
  })
  return format as unknown as Format<Event>
}

/** Events with a delta. A chunk without a name continues the one before it, so merging requires equal names too. */
const DELTA = /^(?:(?:TEXT|REASONING)_MESSAGE_(?:CONTENT|CHUNK)|TOOL_CALL_(?:ARGS|CHUNK))$/

/** Events that open something, and the events that close it. */
const CLOSING: Readonly<Record<string, string>> = {
  TEXT_MESSAGE_START: "TEXT_MESSAGE_END",
  REASONING_START: "REASONING_END",
  REASONING_MESSAGE_START: "REASONING_MESSAGE_END",
}

function reader(): FrameReader<Json> {
  /** Open items by closing event and id. They are closed in reverse order. */
  const open = new Map<string, Json>()
  /** The tool call that chunks belong to. */
  let chunked: string | undefined
  let isComplete = false
  /** The usage of all runs of the stream. */
  let total: Usage | undefined

  function track(type: string, messageId: unknown): void {
    const closing = CLOSING[type]
    if (closing !== undefined) open.set(`${closing} ${String(messageId)}`, { type: closing, messageId })
    else open.delete(`${type} ${String(messageId)}`)
  }

  function callChunk({ toolCallId, toolCallName, delta }: Json): Part[] {
    const parts: Part[] = []
    if (typeof toolCallId === "string" && toolCallId !== chunked) {
      parts.push(...endChunked(), { type: "tool-start", id: toolCallId, name: textOf(toolCallName) })
      chunked = toolCallId
    }
    if (chunked !== undefined && delta) parts.push({ type: "tool-input", id: chunked, delta: textOf(delta) })
    return parts
  }

  /** A tool call in chunks has no end event: any other event ends it. */
  function endChunked(): Part[] {
    if (chunked === undefined) return []
    const id = chunked
    chunked = undefined
    return [{ type: "tool-end", id }]
  }

  function parts(type: string, event: Json): Part[] {
    const delta = textOf(event["delta"])
    const id = textOf(event["toolCallId"])
    switch (type) {
      case "RUN_STARTED":
        isComplete = false
        return [{ type: "start" }]
      case "TEXT_MESSAGE_CONTENT":
      case "TEXT_MESSAGE_CHUNK":
        return delta === "" ? [] : [{ type: "text", delta }]
      case "REASONING_MESSAGE_CONTENT":
      case "REASONING_MESSAGE_CHUNK":
        return delta === "" ? [] : [{ type: "reasoning", delta }]
      case "TOOL_CALL_START":
        return [{ type: "tool-start", id, name: textOf(event["toolCallName"]) }]
      case "TOOL_CALL_ARGS":
        return delta === "" ? [] : [{ type: "tool-input", id, delta }]
      case "TOOL_CALL_END":
        return [{ type: "tool-end", id }]
      case "RUN_FINISHED":
        return finished(event)
      case "RUN_ERROR": {
        const error = { code: textOf(event["code"]) || "source_failed", message: textOf(event["message"]) }
        return [...count(event), { type: "end", ending: { status: "failed", error } }]
      }
      default:
        return []
    }
  }

  function finished(event: Json): Part[] {
    const wasCancelled = jsonOf(event["outcome"])["type"] === "cancelled"
    if (wasCancelled) return [...count(event), { type: "end", ending: { status: "stopped" } }]
    return [...count(event), { type: "finish", reason: "stop" }, { type: "end", ending: { status: "completed" } }]
  }

  /** A run can call several models. */
  function count(event: Json): Part[] {
    for (const each of listOf(event["usage"]).filter(isJson)) {
      const { input = 0, output = 0 } = usageOf(each, "inputTokens", "outputTokens")
      total = { input: (total?.input ?? 0) + input, output: (total?.output ?? 0) + output }
    }
    return total ? [{ type: "usage", usage: total }] : []
  }

  return {
    get isComplete() {
      return isComplete
    },
    take(event) {
      const type = textOf(event["type"])
      track(type, event["messageId"])
      if (type === "RUN_FINISHED" || type === "RUN_ERROR") isComplete = true
      return type === "TOOL_CALL_CHUNK" ? callChunk(event) : [...endChunked(), ...parts(type, event)]
    },
    end(ending) {
      if (isComplete) return []
      const { code, message } = faultOf(ending)
      return [...[...open.values()].toReversed(), { type: "RUN_ERROR", message, code }]
    },
  }
}
