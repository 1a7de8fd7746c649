import type { FinishReason, FrameReader, Format, Part } from "../format.ts"
import { writeChunks } from "./ai-sdk-writer.ts"
import { DONE, faultOf, jsonFormat, jsonOf, joinText, parseJson, textOf, type Done, type Json } from "./json.ts"

const NAME = "ai-sdk"

/**
 * The UI message stream of the AI SDK, version 1, which `toUIMessageStream` returns and `useChat` reads. A run that failed ends with an
 * `error` part, a stopped one with `abort`. Open texts are closed before it; a tool's input is not. A response is complete with `finish` or
 * `[DONE]`, or when a source that yields parts returns.
 */
export function aiSdk<Chunk extends object = object>(): Format<Chunk | Done> {
  const format = jsonFormat<Json | Done>({
    name: NAME,
    terminator: DONE,
    // a hand-written stream may have no `finish`
    endsWithSource: "frames",
    headers: { "x-vercel-ai-ui-message-stream": "v1" },
    // without event names: its clients read the data of each event as a part
    encode: (frame) => ({ data: frame === DONE ? DONE : JSON.stringify(frame) }),
    read: (message) => parseJson(NAME, message),
    merge(previous, next) {
      const [a, b] = [jsonOf(previous), jsonOf(next)]
      return joinText(a, b, DELTAS[textOf(b["type"])])
    },
    reader,
    writer: writeChunks,
  })
  return format as unknown as Format<Chunk | Done>
}

/** The member with the text of each delta part. */
const DELTAS: Readonly<Record<string, string>> = {
  "text-delta": "delta",
  "reasoning-delta": "delta",
  "tool-input-delta": "inputTextDelta",
}

function reader(): FrameReader<Json | Done> {
  /** Open texts and reasonings: their ids, and the parts that end them. */
  const open = new Map<string, Json>()
  /** Open tool calls, and whether any of their input has arrived. */
  const calls = new Map<string, boolean>()
  let hasFinished = false
  let hasEnded = false

  function begin(id: string, name: string): Part[] {
    if (calls.has(id)) return []
    calls.set(id, false)
    return [{ type: "tool-start", id, name }]
  }

  function called({ toolCallId, toolName, input }: Json): Part[] {
    const id = textOf(toolCallId)
    const parts = begin(id, textOf(toolName))
    // some providers send the complete input in one part
    if (!calls.get(id)) parts.push({ type: "tool-input", id, delta: JSON.stringify(input ?? {}) })
    return [...parts, { type: "tool-end", id }]
  }

  function take(frame: Json | Done): Part[] {
    const chunk = jsonOf(frame)
    const { type, id, delta } = chunk as { type?: unknown; id?: string; delta?: string }
    const callId = textOf(chunk["toolCallId"])
    switch (type) {
      case "start":
        return [{ type: "start" }]
      case "text-start":
      case "reasoning-start": {
        const kind = type === "text-start" ? "text" : "reasoning"
        open.set(`${kind} ${id}`, { type: `${kind}-end`, id })
        return []
      }
      case "text-end":
      case "reasoning-end":
        open.delete(`${type === "text-end" ? "text" : "reasoning"} ${id}`)
        return []
      case "text-delta":
        return delta ? [{ type: "text", delta }] : []
      case "reasoning-delta":
        return delta ? [{ type: "reasoning", delta }] : []
      case "tool-input-start":
        return begin(callId, textOf(chunk["toolName"]))
      case "tool-input-delta": {
        const piece = textOf(chunk["inputTextDelta"])
        if (piece === "") return []
        calls.set(callId, true)
        return [{ type: "tool-input", id: callId, delta: piece }]
      }
      case "tool-input-available":
        return called(chunk)
      case "reset-step":
        open.clear()
        return []
      case "finish":
        hasFinished = true
        return [{ type: "finish", reason: reasonOf(chunk["finishReason"]) }]
      case "abort":
        hasEnded = true
        return [{ type: "end", ending: { status: "stopped" } }]
      case "error": {
        hasEnded = true
        const error = { code: "source_failed", message: textOf(chunk["errorText"]) }
        return [{ type: "end", ending: { status: "failed", error } }]
      }
      default:
        return []
    }
  }

  return {
    get isComplete() {
      return hasFinished || hasEnded
    },
    take,
    end(ending) {
      if (hasEnded) return []
      const closing = [...open.values()]
      if (ending.status === "stopped") return [...closing, { type: "abort", reason: faultOf(ending).message }, DONE]
      if (ending.status === "completed") return [...closing, DONE]
      return [...closing, { type: "error", errorText: faultOf(ending).message }, DONE]
    },
  }
}

const REASONS: readonly string[] = ["stop", "length", "tool-calls", "content-filter"] satisfies FinishReason[]

const reasonOf = (reason: unknown): FinishReason =>
  reason === undefined ? "stop" : REASONS.includes(textOf(reason)) ? (reason as FinishReason) : "other"
