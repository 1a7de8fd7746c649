import type { Part, RunInfo } from "../format.ts"
import { faultOf, type Json } from "./json.ts"
import { createWritten } from "./written.ts"

/** An item that is being written. */
interface Open {
  readonly kind: "text" | "reasoning" | "tool"
  readonly index: number
  readonly item: Json
  text: string
}

/** Writes events of a response from parts. */
export function writeResponse({ id, time }: RunInfo): (part: Part) => Json[] {
  const output: Json[] = []
  /** Open items: at most one with text or reasoning, and tool calls by id. */
  const calls = new Map<string, Open>()
  let open: Open | undefined
  let count = 0
  let sequence = 0
  const written = createWritten()

  const event = (type: string, more: Json): Json => ({ type, sequence_number: sequence++, ...more })

  const response = (status: string, more?: Json): Json => ({
    id: id.startsWith("resp_") ? id : `resp_${id}`,
    object: "response",
    created_at: Math.floor(time / 1_000),
    status,
    error: null,
    incomplete_details: null,
    instructions: null,
    metadata: {},
    model: written.model ?? "unknown",
    output: [...output],
    parallel_tool_calls: true,
    temperature: null,
    tool_choice: "auto",
    tools: [],
    top_p: null,
    ...more,
  })

  const begin = (): Json[] =>
    written.begin(() => {
      const started = response("in_progress")
      return [event("response.created", { response: started }), event("response.in_progress", { response: started })]
    })

  function add(kind: Open["kind"], item: Json): [Open, Json] {
    const index = count++
    return [{ kind, index, item, text: "" }, event("response.output_item.added", { output_index: index, item })]
  }

  const at = ({ index, item }: Open): Json => ({ item_id: item["id"], output_index: index })

  const textPart = (text: string): Json => ({ type: "output_text", text, annotations: [], logprobs: [] })

  /** The open text or reasoning, with the events that open it unless it is open. */
  function turnTo(kind: "text" | "reasoning"): [Open, Json[]] {
    if (open?.kind === kind) return [open, []]
    const events = closeOpen("completed")
    const itemId = `${kind === "text" ? "msg" : "rs"}_${id}_${count}`
    const [added, said] = add(
      kind,
      kind === "text"
        ? { id: itemId, type: "message", status: "in_progress", role: "assistant", content: [] }
        : { id: itemId, type: "reasoning", status: "in_progress", summary: [], content: [] },
    )
    open = added
    const part = kind === "text" ? textPart("") : { type: "reasoning_text", text: "" }
    return [added, [...events, said, event("response.content_part.added", { ...at(added), content_index: 0, part })]]
  }

  function closeOpen(status: "completed" | "incomplete"): Json[] {
    if (!open) return []
    const was = open
    open = undefined
    const { kind, text, item, index } = was
    const part = kind === "text" ? textPart(text) : { type: "reasoning_text", text }
    const done = { ...item, status, content: [part] }
    output[index] = done
    const place = { ...at(was), content_index: 0 }
    return [
      event(kind === "text" ? "response.output_text.done" : "response.reasoning_text.done", {
        ...place,
        text,
        ...(kind === "text" && { logprobs: [] }),
      }),
      event("response.content_part.done", { ...place, part }),
      event("response.output_item.done", { output_index: index, item: done }),
    ]
  }

  function closeCall(callId: string): Json[] {
    const call = calls.get(callId)
    if (!call) return []
    calls.delete(callId)
    const item = { ...call.item, arguments: call.text, status: "completed" }
    output[call.index] = item
    return [
      event("response.function_call_arguments.done", { ...at(call), name: call.item["name"], arguments: call.text }),
      event("response.output_item.done", { output_index: call.index, item }),
    ]
  }

  function finish(part: Part & { type: "end" }): Json[] {
    const { ending } = part
    const { reason, usage } = written
    const totals = usage && {
      input_tokens: usage.input ?? 0,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: usage.output ?? 0,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: (usage.input ?? 0) + (usage.output ?? 0),
    }
    if (ending.status === "completed") {
      const events = [...begin(), ...closeOpen("completed"), ...[...calls.keys()].flatMap(closeCall)]
      const cause =
        reason === "length" ? "max_output_tokens" : reason === "content-filter" ? "content_filter" : undefined
      const said = { ...(totals && { usage: totals }), ...(cause && { incomplete_details: { reason: cause } }) }
      const status = cause ? "incomplete" : "completed"
      return [...events, event(`response.${status}`, { response: response(status, said) })]
    }
    const events = [...begin(), ...closeOpen("incomplete")]
    // incomplete, or clients would run them
    for (const { index, item, text } of calls.values())
      output[index] = { ...item, arguments: text, status: "incomplete" }
    const { code, message } = faultOf(ending)
    const said =
      ending.status === "stopped"
        ? event("response.incomplete", {
            response: response("cancelled", { incomplete_details: { reason: "cancelled" } }),
          })
        : event("response.failed", {
            response: response("failed", { error: { code: "server_error", message: `${message} (${code})` } }),
          })
    return [...events, said]
  }

  return (part) => {
    written.note(part)
    switch (part.type) {
      case "start":
        return begin()
      case "text":
      case "reasoning": {
        const started = begin()
        const [into, opened] = turnTo(part.type)
        into.text += part.delta
        const type = part.type === "text" ? "response.output_text.delta" : "response.reasoning_text.delta"
        const more = part.type === "text" ? { logprobs: [] } : {}
        return [...started, ...opened, event(type, { ...at(into), content_index: 0, delta: part.delta, ...more })]
      }
      case "tool-start": {
        const events = [...begin(), ...closeOpen("completed")]
        const item = {
          id: `fc_${id}_${count}`,
          type: "function_call",
          status: "in_progress",
          call_id: part.id,
          name: part.name,
        }
        const [call, said] = add("tool", { ...item, arguments: "" })
        calls.set(part.id, call)
        return [...events, said]
      }
      case "tool-input": {
        const call = calls.get(part.id)
        if (!call) return []
        call.text += part.delta
        return [event("response.function_call_arguments.delta", { ...at(call), delta: part.delta })]
      }
      case "tool-end":
        return closeCall(part.id)
      case "usage":
      case "finish":
        return []
      case "end":
        return finish(part)
    }
  }
}
