import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from "ai"
import { answered, settle, type Read } from "./answer.ts"

/** What `useChat` does: its transport fetches and parses, and the message is put together from that. */
export const readAiSdk: Read = async (body) => {
  const transport = new DefaultChatTransport({
    api: "http://chat.invalid/",
    fetch: () => Promise.resolve(answered(body)),
  })
  let message: UIMessage | undefined
  let finishReason: string | undefined
  let hasFinished = false
  let wasAborted = false
  const look = new TransformStream<UIMessageChunk, UIMessageChunk>({
    transform(chunk, controller) {
      wasAborted ||= chunk.type === "abort"
      if (chunk.type === "finish") [hasFinished, finishReason] = [true, chunk.finishReason]
      controller.enqueue(chunk)
    },
  })
  const { error = wasAborted ? "aborted" : undefined } = await settle(async () => {
    const stream = await transport.sendMessages({
      chatId: "c",
      messages: [],
      abortSignal: undefined,
      trigger: "submit-message",
      messageId: undefined,
    })
    let failure: Error | undefined
    const messages = readUIMessageStream({
      stream: stream.pipeThrough(look),
      onError: (cause) => (failure ??= new Error("broken", { cause })),
      terminateOnError: true,
    })
    for await (const each of messages) message = each
    if (failure) throw failure
  })
  const parts = message?.parts ?? []
  const text = parts.map((part) => (part.type === "text" ? part.text : "")).join("")
  const tools = parts.flatMap((part) =>
    "toolCallId" in part && part.state !== "input-streaming"
      ? { name: part.type.replace("tool-", ""), input: JSON.stringify(part.input) }
      : [],
  )
  const isComplete = hasFinished && error === undefined
  return { text, tools, isComplete, ...(error !== undefined && { error }), final: { message, finishReason } }
}
