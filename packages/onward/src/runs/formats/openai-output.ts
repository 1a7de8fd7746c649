import type { Part } from "../format.ts"
import { isJson, jsonOf, listOf, textOf, type Json } from "./json.ts"

/** The output of a response up to now, collected from its events. */
export interface Output {
  /** The response of its last lifecycle event; undefined before the first. */
  readonly response: Json | undefined
  /** Its items, including open ones. */
  readonly items: readonly Json[]
  take(event: Json): Part[]
  /** Closes open texts. Tool calls stay open, because a client would run a closed one with incomplete arguments. */
  close(): Json[]
}

/** An open text: a content part of a message or of a reasoning item. */
interface Open {
  readonly event: "output_text" | "refusal"
  readonly at: Json
  readonly member: "text" | "refusal"
  part: Json
}

interface Item {
  /** Its `output_index`. */
  readonly index: unknown
  value: Json
  isDone: boolean
  readonly parts: Map<unknown, Open>
  /** Arguments of a call that arrived before it was complete. */
  input: string
}

export function createOutput(): Output {
  const items: Item[] = []
  let response: Json | undefined
  let hasStarted = false

  /** By id: open items may share an index, or have no index. Some providers send another id with each event. */
  function itemAt({ item_id, item, output_index }: Json): Item | undefined {
    const id = textOf(item_id) || textOf(jsonOf(item)["id"])
    const named = id === "" ? undefined : items.findLast(({ value }) => value["id"] === id)
    return named ?? items.findLast(({ index }) => index === output_index)
  }

  const isCall = ({ value }: Item): boolean => value["type"] === "function_call"

  const idOf = ({ value }: Item): string => textOf(value["call_id"]) || textOf(value["id"])

  function added(event: Json): Part[] {
    const value = jsonOf(event["item"])
    const item: Item = { index: event["output_index"], value, isDone: false, parts: new Map(), input: "" }
    items.push(item)
    return isCall(item) ? [{ type: "tool-start", id: idOf(item), name: textOf(value["name"]) }] : []
  }

  function done(event: Json): Part[] {
    const item = itemAt(event)
    if (!item || item.isDone) return []
    item.value = jsonOf(event["item"])
    item.isDone = true
    item.parts.clear()
    return isCall(item) ? [...rest(item, item.value["arguments"]), { type: "tool-end", id: idOf(item) }] : []
  }

  /** Arguments that arrived without a delta. */
  function rest(item: Item, whole: unknown): Part[] {
    if (item.input !== "" || typeof whole !== "string" || whole === "") return []
    item.input = whole
    return [{ type: "tool-input", id: idOf(item), delta: whole }]
  }

  function partAdded(event: Json): void {
    const part = jsonOf(event["part"])
    const isRefusal = part["type"] === "refusal"
    if (!isRefusal && part["type"] !== "output_text") return
    const { item_id, output_index, content_index } = event
    itemAt(event)?.parts.set(content_index, {
      event: isRefusal ? "refusal" : "output_text",
      at: { item_id, output_index, content_index },
      member: isRefusal ? "refusal" : "text",
      part,
    })
  }

  function textDelta(event: Json): Part[] {
    const delta = textOf(event["delta"])
    const open = itemAt(event)?.parts.get(event["content_index"])
    if (open) open.part = { ...open.part, [open.member]: textOf(open.part[open.member]) + delta }
    return delta === "" ? [] : [{ type: "text", delta }]
  }

  function inputDelta(event: Json): Part[] {
    const item = itemAt(event)
    const delta = textOf(event["delta"])
    if (!item || delta === "") return []
    item.input += delta
    return [{ type: "tool-input", id: idOf(item), delta }]
  }

  /** An open item, as a response that has ended contains it. */
  function unfinished(item: Item): Json {
    if (isCall(item)) return { ...item.value, arguments: item.input, status: "incomplete" }
    if (item.value["type"] !== "message")
      return { ...item.value, ...("status" in item.value && { status: "incomplete" }) }
    const content = [...listOf(item.value["content"])]
    for (const [index, { part }] of item.parts) content[Number(index)] = part
    return { ...item.value, content: content.filter(isJson), status: "incomplete" }
  }

  return {
    get response() {
      return response
    },
    get items() {
      const sorted = items.toSorted((a, b) => (Number(a.index) || 0) - (Number(b.index) || 0))
      return sorted.map((item) => (item.isDone ? item.value : unfinished(item)))
    },
    take(event) {
      const parts: Part[] = []
      if (isJson(event["response"])) {
        response = event["response"]
        const { model } = response
        if (!hasStarted) parts.push({ type: "start", ...(typeof model === "string" && { model }) })
        hasStarted = true
      }
      switch (event["type"]) {
        case "response.output_item.added":
          return added(event)
        case "response.output_item.done":
          return done(event)
        case "response.content_part.added":
          partAdded(event)
          return parts
        case "response.content_part.done": {
          const open = itemAt(event)?.parts.get(event["content_index"])
          if (open) open.part = jsonOf(event["part"])
          return parts
        }
        case "response.output_text.delta":
        case "response.refusal.delta":
          return textDelta(event)
        case "response.reasoning_text.delta":
        case "response.reasoning_summary_text.delta":
          return event["delta"] === "" ? [] : [{ type: "reasoning", delta: textOf(event["delta"]) }]
        case "response.function_call_arguments.delta":
          return inputDelta(event)
        default:
          return parts
      }
    },
    close() {
      const events: Json[] = []
      for (const item of items) {
        if (item.isDone || item.value["type"] !== "message") continue
        for (const { event, at, member, part } of item.parts.values()) {
          events.push(
            {
              type: `response.${event}.done`,
              ...at,
              [member]: part[member],
              ...(event === "output_text" && { logprobs: [] }),
            },
            { type: "response.content_part.done", ...at, part },
          )
        }
        events.push({ type: "response.output_item.done", output_index: item.index, item: unfinished(item) })
      }
      return events
    },
  }
}
