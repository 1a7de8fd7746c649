import type { FinishReason, Part, RunInfo, Usage } from "../format.ts"
import { DONE, faultOf, type Done, type Fault, type Json } from "./json.ts"
import { createWritten } from "./written.ts"

const REASONS: Readonly<Record<FinishReason, string>> = {
  stop: "stop",
  length: "length",
  "tool-calls": "tool_calls",
  "content-filter": "content_filter",
  other: "stop",
}

/** The object that makes an official client throw. */
export const chatError = ({ code, message }: Fault): Json => ({
  error: { message, type: "server_error", param: null, code },
})

/** Writes chunks from parts. The finish reason is written at the end, with the usage, because a response with a reason looks complete. */
export function writeChat({ id, time }: RunInfo): (part: Part) => (Json | Done)[] {
  /** Indices of tool calls by id. */
  const calls = new Map<string, number>()
  const written = createWritten()

  const chunk = (choices: readonly Json[], more?: Json): Json => ({
    id: `chatcmpl-${id}`,
    object: "chat.completion.chunk",
    created: Math.floor(time / 1_000),
    model: written.model ?? "unknown",
    choices,
    ...more,
  })
  const say = (delta: Json, finish: string | null = null): Json =>
    chunk([{ index: 0, delta, logprobs: null, finish_reason: finish }])

  const begin = (): Json[] => written.begin(() => [say({ role: "assistant", content: "" })])

  function total({ input = 0, output = 0 }: Usage): Json {
    return chunk([], { usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } })
  }

  return (part) => {
    written.note(part)
    switch (part.type) {
      case "start":
        return begin()
      case "text":
        return [...begin(), say({ content: part.delta })]
      case "reasoning":
        return [...begin(), say({ reasoning_content: part.delta })]
      case "tool-start": {
        const index = calls.size
        calls.set(part.id, index)
        const call = { index, id: part.id, type: "function", function: { name: part.name, arguments: "" } }
        return [...begin(), say({ tool_calls: [call] })]
      }
      case "tool-input":
        return [say({ tool_calls: [{ index: calls.get(part.id) ?? 0, function: { arguments: part.delta } }] })]
      case "tool-end":
      case "usage":
      case "finish":
        return []
      case "end":
        if (part.ending.status !== "completed") return [chatError(faultOf(part.ending))]
        return [...begin(), say({}, REASONS[written.reason]), ...(written.usage ? [total(written.usage)] : []), DONE]
    }
  }
}
