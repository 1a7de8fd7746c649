import type { Part, RunInfo } from "../format.ts"
import { faultOf, type Json } from "./json.ts"
import { createWritten } from "./written.ts"

/** Writes events from parts. The run is also the thread. */
export function writeEvents({ id }: RunInfo): (part: Part) => Json[] {
  const calls = new Set<string>()
  let open: { readonly kind: "text" | "reasoning"; readonly messageId: string } | undefined
  const written = createWritten()
  let count = 0

  const begin = (): Json[] => written.begin(() => [{ type: "RUN_STARTED", threadId: id, runId: id }])

  function close(): Json[] {
    if (!open) return []
    const { kind, messageId } = open
    open = undefined
    return kind === "text"
      ? [{ type: "TEXT_MESSAGE_END", messageId }]
      : [
          { type: "REASONING_MESSAGE_END", messageId },
          { type: "REASONING_END", messageId },
        ]
  }

  function turnTo(kind: "text" | "reasoning"): Json[] {
    if (open?.kind === kind) return []
    const events = [...begin(), ...close()]
    const messageId = `${id}-${++count}`
    open = { kind, messageId }
    if (kind === "text") return [...events, { type: "TEXT_MESSAGE_START", messageId, role: "assistant" }]
    return [
      ...events,
      { type: "REASONING_START", messageId },
      { type: "REASONING_MESSAGE_START", messageId, role: "reasoning" },
    ]
  }

  function end(toolCallId: string): Json[] {
    return calls.delete(toolCallId) ? [{ type: "TOOL_CALL_END", toolCallId }] : []
  }

  function counts(): Json {
    const { model, usage } = written
    if (!usage) return {}
    const { input: inputTokens = 0, output: outputTokens = 0 } = usage
    const totalTokens = inputTokens + outputTokens
    return { usage: [{ ...(model !== undefined && { model }), inputTokens, outputTokens, totalTokens }] }
  }

  return (part) => {
    written.note(part)
    switch (part.type) {
      case "start":
        return begin()
      case "text":
      case "reasoning": {
        const events = turnTo(part.type)
        const type = part.type === "text" ? "TEXT_MESSAGE_CONTENT" : "REASONING_MESSAGE_CONTENT"
        return [...events, { type, messageId: open?.messageId, delta: part.delta }]
      }
      case "tool-start":
        calls.add(part.id)
        return [...begin(), ...close(), { type: "TOOL_CALL_START", toolCallId: part.id, toolCallName: part.name }]
      case "tool-input":
        return [{ type: "TOOL_CALL_ARGS", toolCallId: part.id, delta: part.delta }]
      case "tool-end":
        return end(part.id)
      case "usage":
      case "finish":
        return []
      case "end": {
        const events = [...begin(), ...close()]
        if (part.ending.status === "completed") {
          return [...events, ...[...calls].flatMap(end), { type: "RUN_FINISHED", threadId: id, runId: id, ...counts() }]
        }
        const { code, message } = faultOf(part.ending)
        return [...events, { type: "RUN_ERROR", message, code, ...counts() }]
      }
    }
  }
}
