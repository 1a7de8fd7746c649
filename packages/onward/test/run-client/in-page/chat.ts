import { useChat } from "@ai-sdk/react"
import type { UIMessage, UIMessageChunk } from "ai"
import { createElement, useEffect } from "react"
import { createRoot } from "react-dom/client"
import { chatTransport } from "../../../src/run-client/index.ts"
import { aiSdk } from "../../../src/runs/index.ts"

/** What the test sees of the page. */
export interface ChatPage {
  chat: { readonly status: string; readonly messages: readonly UIMessage[] }
  /** How much of the answer has come: a piece counts by its length, so that merged ones count the same. */
  progress: number
  send: () => void
  stop: () => Promise<void>
}

const id = location.hash.slice(1)
const page = globalThis as unknown as ChatPage
page.progress = 0
const transport = chatTransport({ format: aiSdk<UIMessageChunk>(), retry: { base: 20, max: 20 } })

function counted(stream: ReadableStream<UIMessageChunk>): ReadableStream<UIMessageChunk> {
  return stream.pipeThrough(
    new TransformStream<UIMessageChunk, UIMessageChunk>({
      transform(chunk, controller) {
        page.progress += "delta" in chunk ? chunk.delta.length : 1
        controller.enqueue(chunk)
      },
    }),
  )
}

const watched: typeof transport = {
  ...transport,
  sendMessages: async (request) => counted(await transport.sendMessages(request)),
  async reconnectToStream(request) {
    const stream = await transport.reconnectToStream(request)
    return stream && counted(stream)
  },
}

function Chat(): null {
  const asked: UIMessage = { id: "q", role: "user", parts: [{ type: "text", text: "why?" }] }
  // what the app has kept: the question, once it was sent
  const wasSent = sessionStorage.getItem(id) !== null
  const { messages, status, sendMessage } = useChat({
    id,
    messages: wasSent ? [asked] : [],
    resume: wasSent,
    transport: watched,
  })
  useEffect(() => {
    page.chat = { status, messages }
    page.send = () => {
      sessionStorage.setItem(id, "sent")
      void sendMessage({ text: "why?" })
    }
    page.stop = () => transport.stop(id)
  })
  return null
}

createRoot(document.body.appendChild(document.createElement("div"))).render(createElement(Chat))
