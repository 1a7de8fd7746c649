import Anthropic from "@anthropic-ai/sdk"
import { answered, settle, type Read } from "./answer.ts"

const REQUEST = { model: "any", max_tokens: 100, messages: [{ role: "user" as const, content: "?" }] }

/** The message as the client's own accumulator has it, whether or not it ended well. */
export const readAnthropic: Read = async (body) => {
  const client = new Anthropic({ apiKey: "none", maxRetries: 0, fetch: () => Promise.resolve(answered(body)) })
  const stream = client.messages.stream(REQUEST)
  let text = ""
  let hasStopped = false
  stream.on("text", (delta) => (text += delta))
  stream.on("streamEvent", ({ type }) => (hasStopped ||= type === "message_stop"))
  const { value, error } = await settle(() => stream.finalMessage())
  const tools = (value?.content ?? []).flatMap((block) =>
    block.type === "tool_use" ? { name: block.name, input: JSON.stringify(block.input) } : [],
  )
  const isComplete = error === undefined && hasStopped
  return { text, tools, isComplete, ...(error !== undefined && { error }), final: value }
}
