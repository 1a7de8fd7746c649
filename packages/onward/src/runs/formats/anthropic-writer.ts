import type { FinishReason, Part, RunInfo } from "../format.ts"
import { faultOf, type Fault, type Json } from "./json.ts"
import { createWritten } from "./written.ts"

const REASONS: Readonly<Record<FinishReason, string>> = {
  stop: "end_turn",
  length: "max_tokens",
  "tool-calls": "tool_use",
  "content-filter": "refusal",
  other: "end_turn",
}

/** The event that makes an official client throw. */
export const messageError = ({ code, message }: Fault): Json => ({
  type: "error",
  error: { type: "api_error", message: `${message} (${code})` },
})

/** A block of the message: its parts that are not written yet, and whether more follow. */
interface Block {
  readonly start: Json
  readonly delta: (text: string) => Json
  text: string
  isDone: boolean
}

const textBlock = (): Block => ({
  start: { type: "text", text: "" },
  delta: (text) => ({ type: "text_delta", text }),
  text: "",
  isDone: false,
})

const thinkingBlock = (): Block => ({
  start: { type: "thinking", thinking: "", signature: "" },
  delta: (thinking) => ({ type: "thinking_delta", thinking }),
  text: "",
  isDone: false,
})

const callBlock = (id: string, name: string): Block => ({
  start: { type: "tool_use", id, name, input: {} },
  delta: (partial_json) => ({ type: "input_json_delta", partial_json }),
  text: "",
  isDone: false,
})

/**
 * Writes events of a message from parts. Blocks of this format follow each other, so parts that overlap in other formats, such as two
 * parallel tool calls, wait until the block before them is complete.
 */
export function writeMessage({ id }: RunInfo): (part: Part) => Json[] {
  /** Incomplete blocks. The first is being written. */
  const blocks: Block[] = []
  const calls = new Map<string, Block>()
  const written = createWritten()
  let index = -1
  let isOpen = false

  const begin = (): Json[] =>
    written.begin(() => {
      const message = {
        id: `msg_${id}`,
        type: "message",
        role: "assistant",
        model: written.model ?? "unknown",
        content: [],
        stop_reason: null,
        stop_sequence: null,
        usage: { input_tokens: written.usage?.input ?? 0, output_tokens: 0 },
      }
      return [{ type: "message_start", message }]
    })

  function stop(): Json[] {
    if (!isOpen) return []
    isOpen = false
    return [{ type: "content_block_stop", index }]
  }

  function flush(): Json[] {
    const events = begin()
    for (let block = blocks[0]; block; block = blocks[0]) {
      if (!isOpen) events.push({ type: "content_block_start", index: ++index, content_block: block.start })
      isOpen = true
      if (block.text !== "") events.push({ type: "content_block_delta", index, delta: block.delta(block.text) })
      block.text = ""
      if (!block.isDone) break
      blocks.shift()
      events.push(...stop())
    }
    return events
  }

  /** The open block of text or thinking, or a new one. */
  function turnTo(make: () => Block): Block {
    const last = blocks.at(-1)
    if (last && !last.isDone && last.start["type"] === make().start["type"]) return last
    return add(make())
  }

  function add(block: Block): Block {
    const last = blocks.at(-1)
    if (last && last.start["type"] !== "tool_use") last.isDone = true
    blocks.push(block)
    return block
  }

  return (part) => {
    written.note(part)
    switch (part.type) {
      case "start":
        return begin()
      case "text":
        turnTo(textBlock).text += part.delta
        return flush()
      case "reasoning":
        turnTo(thinkingBlock).text += part.delta
        return flush()
      case "tool-start":
        calls.set(part.id, add(callBlock(part.id, part.name)))
        return flush()
      case "tool-input": {
        const call = calls.get(part.id)
        if (call) call.text += part.delta
        return flush()
      }
      case "tool-end": {
        const call = calls.get(part.id)
        if (call) call.isDone = true
        return flush()
      }
      case "usage":
      case "finish":
        return []
      case "end":
        return part.ending.status === "completed" ? finish() : fail(faultOf(part.ending))
    }
  }

  function finish(): Json[] {
    for (const block of blocks) block.isDone = true
    const { input: input_tokens, output: output_tokens = 0 } = written.usage ?? {}
    const delta = { stop_reason: REASONS[written.reason], stop_sequence: null }
    const counts = { ...(input_tokens !== undefined && { input_tokens }), output_tokens }
    return [...flush(), { type: "message_delta", delta, usage: counts }, { type: "message_stop" }]
  }

  /** A tool call stays open, because a client would run a closed one with incomplete input. */
  function fail(fault: Fault): Json[] {
    return [...(blocks[0]?.start["type"] === "tool_use" ? [] : stop()), messageError(fault)]
  }
}
