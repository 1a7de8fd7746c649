import assert from "node:assert/strict"
import OpenAI from "openai"
import { answered, settle, type Read } from "./answer.ts"

const client = (body: string): OpenAI =>
  new OpenAI({ apiKey: "none", maxRetries: 0, fetch: () => Promise.resolve(answered(body)) })

const REQUEST = { model: "any", messages: [{ role: "user" as const, content: "?" }], stream: true as const }

/** What providers other than OpenAI call reasoning. */
interface Reasoning {
  reasoning_content?: string | null
  reasoning?: string | null
  reasoning_details?: readonly object[]
}

/** The chunks as they come, and what the client's own accumulator makes of them. */
export const readOpenaiChat: Read = async (body) => {
  let text = ""
  let reasoning = ""
  const tools: { name: string; input: string }[] = []
  const told = await settle(async () => {
    for await (const { choices } of await client(body).chat.completions.create(REQUEST)) {
      const [choice] = choices
      if (choice?.index !== 0) continue
      text += choice.delta.content ?? ""
      const { reasoning_content, reasoning: named } = choice.delta as Reasoning
      reasoning += reasoning_content ?? named ?? ""
      for (const call of choice.delta.tool_calls ?? []) {
        const tool = (tools[call.index] ??= { name: "", input: "" })
        tool.name += call.function?.name ?? ""
        tool.input += call.function?.arguments ?? ""
      }
    }
  })
  const final = await settle(() => client(body).chat.completions.stream(REQUEST).finalChatCompletion())
  const error = told.error ?? final.error
  // the accumulator knows no reasoning, and keeps but the last piece of it
  for (const { message } of final.value?.choices ?? []) {
    delete (message as Reasoning).reasoning_content
    delete (message as Reasoning).reasoning
    delete (message as Reasoning).reasoning_details
  }
  const all = { reasoning, completion: final.value }
  return { text, tools, isComplete: error === undefined, ...(error !== undefined && { error }), final: all }
}

/** The events as they come, and what the client's own accumulator makes of them. */
export const readOpenaiResponses: Read = async (body) => {
  let text = ""
  let reasoning = ""
  let status: string | undefined
  let reason: string | undefined
  const tools = new Map<number, { name: string; input: string }>()
  const request = { model: "any", input: "?", stream: true as const }
  const told = await settle(async () => {
    for await (const event of await client(body).responses.create(request)) {
      if (event.type === "response.output_text.delta") text += event.delta
      if (event.type === "response.reasoning_summary_text.delta") reasoning += event.delta
      if (event.type === "response.output_item.done" && event.item.type === "function_call") {
        tools.set(event.output_index, { name: event.item.name, input: event.item.arguments })
      }
      if ("response" in event) {
        if (event.type === "response.completed") assert.equal(event.response.status, "completed")
        status = event.response.status
        reason = event.response.error?.message ?? event.response.incomplete_details?.reason
      }
    }
  })
  const final = await settle(() => client(body).responses.stream(request).finalResponse())
  const isCut = status !== "completed" && reason !== "max_output_tokens"
  const error = told.error ?? final.error ?? (isCut ? `${status} ${reason}` : undefined)
  return {
    text,
    tools: [...tools.values()],
    isComplete: error === undefined,
    ...(error !== undefined && { error }),
    final: { reasoning, response: final.value },
  }
}
