import type { Part, RunInfo } from "../format.ts"
import { DONE, faultOf, type Done, type Json } from "./json.ts"
import { createWritten } from "./written.ts"

/** Writes parts of a UI message from parts, in one step. */
export function writeChunks({ id }: RunInfo): (part: Part) => (Json | Done)[] {
  const calls = new Map<string, { readonly name: string; input: string }>()
  let open: { readonly kind: "text" | "reasoning"; readonly id: string } | undefined
  const written = createWritten()
  let count = 0

  const begin = (): Json[] => written.begin(() => [{ type: "start", messageId: id }, { type: "start-step" }])

  function close(): Json[] {
    const was = open
    open = undefined
    return was ? [{ type: `${was.kind}-end`, id: was.id }] : []
  }

  function say(kind: "text" | "reasoning", delta: string): Json[] {
    const events = begin()
    if (open?.kind !== kind) {
      events.push(...close())
      open = { kind, id: `${kind}-${++count}` }
      events.push({ type: `${kind}-start`, id: open.id })
    }
    return [...events, { type: `${kind}-delta`, id: open.id, delta }]
  }

  function called(toolCallId: string): Json[] {
    const call = calls.get(toolCallId)
    if (!call) return []
    calls.delete(toolCallId)
    const about = { toolCallId, toolName: call.name }
    try {
      return [{ type: "tool-input-available", ...about, input: call.input === "" ? {} : JSON.parse(call.input) }]
    } catch {
      // a mistake of the model, which is passed on
      return [
        { type: "tool-input-error", ...about, input: call.input, errorText: "the input of this call is not JSON" },
      ]
    }
  }

  return (part) => {
    written.note(part)
    switch (part.type) {
      case "start":
        return begin()
      case "text":
      case "reasoning":
        return say(part.type, part.delta)
      case "tool-start":
        calls.set(part.id, { name: part.name, input: "" })
        return [...begin(), ...close(), { type: "tool-input-start", toolCallId: part.id, toolName: part.name }]
      case "tool-input": {
        const call = calls.get(part.id)
        if (!call) return []
        call.input += part.delta
        return [{ type: "tool-input-delta", toolCallId: part.id, inputTextDelta: part.delta }]
      }
      case "tool-end":
        return called(part.id)
      case "usage":
      case "finish":
        return []
      case "end": {
        const { ending } = part
        const events = [...begin(), ...close()]
        if (ending.status === "stopped") return [...events, { type: "abort", reason: faultOf(ending).message }, DONE]
        if (ending.status !== "completed")
          return [...events, { type: "error", errorText: faultOf(ending).message }, DONE]
        const rest = [...calls.keys()].flatMap(called)
        return [...events, ...rest, { type: "finish-step" }, { type: "finish", finishReason: written.reason }, DONE]
      }
    }
  }
}
