import type { FinishReason, FrameReader, Format, Part } from "../format.ts"
import {
  DONE,
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
  type Done,
  type Json,
} from "./json.ts"
import { chatError, writeChat } from "./openai-chat-writer.ts"

const NAME = "openai-chat"

/**
 * Chunks of OpenAI's chat completions, which most providers send. `[DONE]` completes a response. Without it, a response is complete if its
 * stream ends without a cut after the `finish_reason` of each choice, and no choice continued after its reason. Any other end is an `error`
 * object without `[DONE]`, which official clients throw. Translations into other formats contain the first choice.
 */
export function openaiChat<Chunk extends object = object>(): Format<Chunk | Done> {
  const format = jsonFormat<Json | Done>({
    name: NAME,
    terminator: DONE,
    encode: (frame) => ({ data: frame === DONE ? DONE : JSON.stringify(without(frame, PADDING)) }),
    read(message) {
      const chunk = parseJson(NAME, message)
      if (chunk && message.event === "error" && !("error" in chunk)) return { error: chunk }
      return chunk && without(chunk, PADDING)
    },
    merge: (previous, next) => mergeChunks(jsonOf(previous), jsonOf(next)),
    reader,
    writer: writeChat,
  })
  return format as unknown as Format<Chunk | Done>
}

/** Members of a delta with text. The last two are names of reasoning at other providers. */
const PIECES: readonly string[] = ["content", "refusal", "reasoning_content", "reasoning"]

/** Members of one chunk: `p` is Mistral's padding, and llama.cpp's `timings` are those up to the chunk. */
const OF_CHUNK = ["choices", "created", "usage", "timings", "p", PADDING] as const

function mergeChunks(previous: Json, next: Json): Json | undefined {
  const [a, b] = [soleChoice(previous), soleChoice(next)]
  if (!a || !b || !isSameBut(previous, next, ...OF_CHUNK) || !isSameBut(a, b, "delta", "text", "message")) {
    return undefined
  }
  const repeats = mergeRepeats(a, b)
  if (!repeats) return undefined
  const delta = mergeDeltas(jsonOf(a["delta"]), jsonOf(b["delta"]))
  // a count in each chunk is the total up to it
  const usage = previous["usage"] && !next["usage"] ? { usage: previous["usage"] } : undefined
  return delta && { ...next, ...usage, choices: [{ ...b, ...repeats, delta }] }
}

/** Members of a choice that repeat its delta: Together's `text` has the same piece, and Perplexity's `message` all pieces up to the chunk. */
function mergeRepeats(a: Json, b: Json): Json | undefined {
  const [was, is] = [jsonOf(a["delta"])["content"], jsonOf(b["delta"])["content"]]
  if ("message" in a || "message" in b) {
    const [before, after] = [jsonOf(a["message"]), jsonOf(b["message"])]
    const isUpToHere = after["content"] === textOf(before["content"]) + textOf(is)
    if (!isUpToHere || !isSameBut(before, after, "content")) return undefined
  }
  if (!("text" in a) && !("text" in b)) return {}
  const isPiece = typeof was === "string" && typeof is === "string" && a["text"] === was && b["text"] === is
  return isPiece ? { text: was + is } : undefined
}

/** The only choice of a chunk that has only a delta. */
function soleChoice({ choices }: Json): Json | undefined {
  const [choice, ...more] = listOf(choices)
  if (!isJson(choice) || more.length > 0 || !isJson(choice["delta"])) return undefined
  return choice["finish_reason"] || choice["logprobs"] ? undefined : choice
}

/** The only member of a delta with content. Providers add others that are null, empty, or repeat the role; Together adds the last token. */
function soleMember(delta: Json): { readonly name: string | undefined } | undefined {
  let name: string | undefined
  for (const key in delta) {
    const value = delta[key]
    if (
      key === "role" ||
      key === "token_id" ||
      value === null ||
      value === "" ||
      (Array.isArray(value) && value.length === 0)
    )
      continue
    if (name !== undefined) return undefined
    name = key
  }
  return { name }
}

/** OpenRouter's `reasoning_details` repeat the reasoning in its provider's shape. */
const DETAILS = "reasoning_details"

function mergeDeltas(previous: Json, next: Json): Json | undefined {
  const [[a, ...moreA], [b, ...moreB]] = [listOf(previous[DETAILS]), listOf(next[DETAILS])]
  if (a === undefined || b === undefined) return mergePieces(previous, next)
  if (!isJson(a) || !isJson(b) || moreA.length + moreB.length > 0) return undefined
  const detail = joinText(a, b, "text") ?? joinText(a, b, "summary")
  const rest = detail && mergePieces(without(previous, DETAILS), without(next, DETAILS))
  return rest && { ...rest, [DETAILS]: [detail] }
}

function mergePieces(previous: Json, next: Json): Json | undefined {
  const [of, by] = [soleMember(previous)?.name, soleMember(next)]
  if (!by || (of === undefined && !soleMember(previous))) return undefined
  const { name } = by
  if (of !== undefined && name !== undefined && of !== name) return undefined
  const [was, is] = [previous["role"], next["role"]]
  if (was && is && was !== is) return undefined
  const both = { ...previous, ...next, ...(was !== undefined && !is && { role: was }) }
  // empty members do not hide one with text
  if (name === undefined) return of === undefined ? both : { ...both, [of]: previous[of] }
  if (of === undefined) return PIECES.includes(name) || name === "tool_calls" ? both : undefined
  if (name === "tool_calls") {
    const call = mergeCalls(listOf(previous[name]), listOf(next[name]))
    return call && { ...both, [name]: [call] }
  }
  const [a, b] = [previous[name], next[name]]
  if (!PIECES.includes(name) || typeof a !== "string" || typeof b !== "string") return undefined
  return { ...both, [name]: a + b }
}

/** Two fragments of a call's arguments. The first one has id and name; some providers repeat them, or send `""`. */
function mergeCalls([a, ...moreA]: readonly unknown[], [b, ...moreB]: readonly unknown[]): Json | undefined {
  if (!isJson(a) || !isJson(b) || moreA.length + moreB.length > 0 || a["index"] !== b["index"]) return undefined
  const [of, by] = [jsonOf(a["function"]), jsonOf(b["function"])]
  if (!isSameOrNone(a, b, "id") || !isSameOrNone(a, b, "type")) return undefined
  // the same name without an id may start another call
  if (b["id"] ? !isSameOrNone(of, by, "name") : by["name"]) return undefined
  const isMore = Object.keys(b).every((key) => ["index", "id", "type", "function"].includes(key))
  if (!isMore || Object.keys(by).some((key) => key !== "arguments" && key !== "name")) return undefined
  if (typeof of["arguments"] !== "string" || typeof by["arguments"] !== "string") return undefined
  return { ...a, function: { ...of, arguments: of["arguments"] + by["arguments"] } }
}

const isSameOrNone = (a: Json, b: Json, name: string): boolean => !b[name] || a[name] === b[name]

/** A tool call whose arguments are arriving. */
interface Call {
  readonly id: string
  /** As the provider sent them. */
  readonly given: { readonly index: unknown; readonly id: string; readonly name: string }
  input: string
}

function reader(): FrameReader<Json | Done> {
  const finished = new Map<unknown, boolean>()
  const calls: Call[] = []
  let hasStarted = false
  let hasFailed = false
  /** Whether a choice continued after its finish reason, which is then invalid. */
  let hasGoneOn = false

  /** The call of a fragment; undefined for a new call. Parallel calls may share an index, or have no index. */
  function callOf(index: unknown, id: string, name: string): Call | undefined {
    if (id !== "") return calls.find(({ given }) => given.id === id && (index === undefined || given.index === index))
    const latest = calls.findLast(({ given }) => given.index === index)
    const isAnother = latest && name !== "" && (name !== latest.given.name || isWhole(latest.input))
    return isAnother ? undefined : latest
  }

  function begin(given: Call["given"]): Call {
    const wanted = given.id || `call_${calls.length}`
    const isTaken = calls.some(({ id }) => id === wanted)
    const call = { id: isTaken ? `${wanted}_${calls.length}` : wanted, given, input: "" }
    calls.push(call)
    return call
  }

  function takeDelta(delta: Json): Part[] {
    const parts: Part[] = []
    for (const name of PIECES) {
      const piece = textOf(delta[name])
      if (piece) parts.push({ type: name.startsWith("reasoning") ? "reasoning" : "text", delta: piece })
    }
    for (const fragment of listOf(delta["tool_calls"]).filter(isJson)) {
      const { name: called, arguments: input } = jsonOf(fragment["function"])
      const [index, id, name] = [fragment["index"], textOf(fragment["id"]), textOf(called)]
      const known = callOf(index, id, name)
      const call = known ?? begin({ index, id, name })
      if (!known) parts.push({ type: "tool-start", id: call.id, name })
      const piece = textOf(input)
      call.input += piece
      if (piece) parts.push({ type: "tool-input", id: call.id, delta: piece })
    }
    return parts
  }

  function takeChoice(choice: Json): Part[] {
    const index = choice["index"] ?? 0
    // some providers send "" for no reason yet
    const reason = textOf(choice["finish_reason"])
    const delta = jsonOf(choice["delta"])
    if (finished.get(index) && (reason === "" || soleMember(delta)?.name !== undefined)) hasGoneOn = true
    finished.set(index, finished.get(index) === true || reason !== "")
    if (index !== 0) return []
    const parts = takeDelta(delta)
    // calls end with the response: a provider that sends its reason in each chunk would end a call with its first fragment
    return reason === "" ? parts : [...parts, { type: "finish", reason: reasonOf(reason) }]
  }

  return {
    get isComplete() {
      return hasFailed || (!hasGoneOn && finished.size > 0 && [...finished.values()].every(Boolean))
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
      return ending.status === "completed" ? [DONE] : [chatError(faultOf(ending))]
    },
  }
}

function isWhole(json: string): boolean {
  try {
    JSON.parse(json)
    return true
  } catch {
    return false
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
