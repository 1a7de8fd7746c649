import type { FinishReason, Follower, Format, Part } from "../format.ts"
import {
  DONE,
  PADDING,
  faultOf,
  isJson,
  isSameBut,
  jsonOf,
  listOf,
  parseJson,
  textOf,
  usageOf,
  without,
  type Done,
  type Json,
} from "./json.ts"
import { chatError, writeChat } from "./openai-chat-writer.ts"

const NAME = "openai-chat"

/**
 * Chunks of OpenAI's chat completions, which most providers speak. An answer is complete once each of its choices has its
 * `finish_reason`. Any other ending is an `error` object, which official clients throw, and no `[DONE]` follows it.
 * Watched as another format, the first choice counts.
 */
export function openaiChat<Chunk extends object = object>(): Format<Chunk | Done> {
  const format: Format<Json | Done> = {
    name: NAME,
    encode: (frame) => ({ data: frame === DONE ? DONE : JSON.stringify(without(frame, PADDING)) }),
    decode(message) {
      const chunk = parseJson(NAME, message)
      if (chunk && message.event === "error" && !("error" in chunk)) return { error: chunk }
      return chunk && without(chunk, PADDING)
    },
    merge: (previous, next) => (previous === DONE || next === DONE ? undefined : mergeChunks(previous, next)),
    follow,
    writer: writeChat,
  }
  return format as unknown as Format<Chunk | Done>
}

/** Members of a delta that are pieces of text; the last two are what providers other than OpenAI call reasoning. */
const PIECES: readonly string[] = ["content", "refusal", "reasoning_content", "reasoning"]

function mergeChunks(previous: Json, next: Json): Json | undefined {
  const [a, b] = [soleChoice(previous), soleChoice(next)]
  if (!a || !b || !isSameBut(previous, next, "choices", "created", PADDING) || !isSameBut(a, b, "delta"))
    return undefined
  const delta = mergeDeltas(jsonOf(a["delta"]), jsonOf(b["delta"]))
  return delta && { ...next, choices: [{ ...b, delta }] }
}

/** The one choice of a chunk that says nothing but a delta. */
function soleChoice({ choices }: Json): Json | undefined {
  const [choice, ...more] = listOf(choices)
  if (!isJson(choice) || more.length > 0 || !isJson(choice["delta"])) return undefined
  return choice["finish_reason"] || choice["logprobs"] ? undefined : choice
}

function mergeDeltas(previous: Json, next: Json): Json | undefined {
  const [name, ...more] = Object.keys(next)
  if (name === undefined || more.length > 0) return undefined
  if (Object.keys(previous).some((key) => key !== name && key !== "role")) return undefined
  if (name === "tool_calls") {
    const call = mergeCalls(listOf(previous[name]), listOf(next[name]))
    return call && { ...previous, [name]: [call] }
  }
  const [a, b] = [previous[name], next[name]]
  if (!PIECES.includes(name) || typeof a !== "string" || typeof b !== "string") return undefined
  return { ...previous, [name]: a + b }
}

/** Two fragments of one call's arguments; only the first of a call has its id and name. */
function mergeCalls([a, ...moreA]: readonly unknown[], [b, ...moreB]: readonly unknown[]): Json | undefined {
  if (!isJson(a) || !isJson(b) || moreA.length + moreB.length > 0 || a["index"] !== b["index"]) return undefined
  const [of, by] = [jsonOf(a["function"]), jsonOf(b["function"])]
  const isMore = Object.keys(b).every((key) => key === "index" || key === "function")
  if (!isMore || Object.keys(by).some((key) => key !== "arguments")) return undefined
  if (typeof of["arguments"] !== "string" || typeof by["arguments"] !== "string") return undefined
  return { ...a, function: { ...of, arguments: of["arguments"] + by["arguments"] } }
}

function follow(): Follower<Json | Done> {
  const finished = new Map<unknown, boolean>()
  /** Ids of calls whose arguments come, by index. */
  const calls = new Map<unknown, string>()
  let hasStarted = false
  let hasFailed = false

  function takeDelta(delta: Json): Part[] {
    const parts: Part[] = []
    for (const name of PIECES) {
      const piece = textOf(delta[name])
      if (piece) parts.push({ type: name.startsWith("reasoning") ? "reasoning" : "text", delta: piece })
    }
    for (const call of listOf(delta["tool_calls"]).filter(isJson)) {
      const { name, arguments: input } = jsonOf(call["function"])
      const index = call["index"]
      if (!calls.has(index)) {
        const id = textOf(call["id"]) || `call_${calls.size}`
        calls.set(index, id)
        parts.push({ type: "tool-start", id, name: textOf(name) })
      }
      if (input) parts.push({ type: "tool-input", id: calls.get(index) as string, delta: textOf(input) })
    }
    return parts
  }

  function takeChoice(choice: Json): Part[] {
    const index = choice["index"] ?? 0
    // some providers say "" for none yet
    const reason = textOf(choice["finish_reason"])
    finished.set(index, finished.get(index) === true || reason !== "")
    if (index !== 0) return []
    const parts = takeDelta(jsonOf(choice["delta"]))
    if (reason === "") return parts
    for (const id of calls.values()) parts.push({ type: "tool-end", id })
    calls.clear()
    return [...parts, { type: "finish", reason: reasonOf(reason) }]
  }

  return {
    get isComplete() {
      return hasFailed || (finished.size > 0 && [...finished.values()].every(Boolean))
    },
    take(chunk) {
      if (chunk === DONE) return []
      const parts: Part[] = []
      if (chunk["error"]) {
        hasFailed = true
        const { code, type, message } = jsonOf(chunk["error"])
        const error = { code: textOf(code) || textOf(type) || "source_failed", message: textOf(message) }
        return [{ type: "end", ending: { status: "failed", error } }]
      }
      const { model, usage, choices } = chunk
      if (!hasStarted) parts.push({ type: "start", ...(typeof model === "string" && { model }) })
      hasStarted = true
      parts.push(...listOf(choices).filter(isJson).flatMap(takeChoice))
      if (isJson(usage)) {
        parts.push({ type: "usage", usage: usageOf(usage, "prompt_tokens", "completion_tokens") })
      }
      return parts
    },
    end(ending) {
      if (hasFailed) return []
      if (ending.status === "completed" && this.isComplete) return [DONE]
      return [chatError(faultOf(ending))]
    },
  }
}

const REASONS: Readonly<Record<string, FinishReason>> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  function_call: "tool-calls",
  content_filter: "content-filter",
}

const reasonOf = (reason: string): FinishReason => REASONS[reason] ?? "other"
