import { readFileSync } from "node:fs"
import { createParser, encode } from "../../../src/protocol/index.ts"
import type { Ending, Format, FormatMessage, Part } from "../../../src/runs/format.ts"
import { agUi, aiSdk, anthropic, openaiChat, openaiResponses, text } from "../../../src/runs/index.ts"
import type { Read } from "./answer.ts"
import { readAgUi } from "./read-ag-ui.ts"
import { readAiSdk } from "./read-ai-sdk.ts"
import { readAnthropic } from "./read-anthropic.ts"
import { readOpenaiChat, readOpenaiResponses } from "./read-openai.ts"
import { readText } from "./read-text.ts"

/** A format, what its streams look like, and who reads them. */
export interface Case {
  readonly format: Format
  readonly read: Read
  /** Streams that end well, in `fixtures`. */
  readonly fixtures: readonly string[]
}

export const cases: readonly Case[] = [
  { format: text(), read: readText, fixtures: ["text"] },
  {
    format: openaiChat(),
    read: readOpenaiChat,
    fixtures: [
      "openai-chat-text",
      "openai-chat-tools",
      "openai-chat-reasoning",
      "openai-chat-choices",
      // shapes of other providers, from what they document
      "openai-chat-deepseek",
      "openai-chat-ollama",
      "openai-chat-qwen",
      "openai-chat-vllm",
    ],
  },
  {
    format: openaiResponses(),
    read: readOpenaiResponses,
    fixtures: ["openai-responses-text", "openai-responses-tools", "openai-responses-limit"],
  },
  { format: anthropic(), read: readAnthropic, fixtures: ["anthropic-text", "anthropic-tools"] },
  { format: aiSdk(), read: readAiSdk, fixtures: ["ai-sdk-text", "ai-sdk-tools"] },
  { format: agUi(), read: readAgUi, fixtures: ["ag-ui-text", "ag-ui-tools", "ag-ui-chunks"] },
]

export function messagesOf(fixture: string): FormatMessage[] {
  const messages: FormatMessage[] = []
  const parser = createParser({
    onEvent: ({ event, data }) => void messages.push(event === "message" ? { data } : { event, data }),
  })
  parser.feed(readFileSync(new URL(`../fixtures/${fixture}.sse`, import.meta.url), "utf8"))
  return messages
}

export const framesOf = (format: Format, fixture: string): unknown[] =>
  messagesOf(fixture).flatMap((message) => format.decode(message) ?? [])

export const bodyOf = (format: Format, frames: readonly unknown[]): string =>
  frames.map((frame) => encode(format.encode(frame))).join("")

/** A stream as viewers get it: frames, and what their format puts at the end. */
export function ended(format: Format, frames: readonly unknown[], ending: Ending): string {
  const follower = format.reader()
  for (const frame of frames) follower.take(frame)
  return bodyOf(format, [...frames, ...follower.end(ending)])
}

/** What frames say in another format. */
export function translate(from: Format, to: Format, frames: readonly unknown[], ending: Ending): string {
  const follower = from.reader()
  const write = to.writer({ id: "run-1", time: 1_790_000_000_000 })
  const parts: Part[] = frames.flatMap((frame) => follower.take(frame))
  if (parts.at(-1)?.type !== "end") parts.push({ type: "end", ending })
  return bodyOf(to, parts.flatMap(write))
}

/** Neighbours merged where `isMerged` says so and the format can. */
export function merge(format: Format, frames: readonly unknown[], isMerged: () => boolean): unknown[] {
  const merged: unknown[] = []
  for (const frame of frames) {
    const both = merged.length > 0 && isMerged() ? format.merge(merged.at(-1), frame) : undefined
    if (both === undefined) merged.push(frame)
    else merged[merged.length - 1] = both
  }
  return merged
}
