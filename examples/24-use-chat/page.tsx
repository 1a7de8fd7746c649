// The page: `useChat`, with a transport that resumes.
import { useChat } from "@ai-sdk/react"
import type { UIMessage, UIMessageChunk } from "ai"
import { aiSdk } from "onward/runs"
import { chatTransport } from "onward/runs/client"
import { useState, type FormEvent } from "react"
import { createRoot } from "react-dom/client"

const id = location.pathname.replace("/chat/", "")

const transport = chatTransport<UIMessageChunk, UIMessage>({
  api: "/api/chat",
  format: aiSdk(),
  // the server keeps the messages of the chat, so only the new one is sent
  prepareSendMessagesRequest: ({ messages }) => ({ body: { id, message: messages.at(-1) } }),
})

interface Loaded {
  readonly messages: UIMessage[]
  readonly isAnswering: boolean
}

function Chat(loaded: Loaded) {
  const { messages, sendMessage, status, error } = useChat({
    id,
    transport,
    messages: loaded.messages,
    resume: loaded.isAnswering,
  })
  const [text, setText] = useState("")
  const isAnswering = status === "submitted" || status === "streaming"

  function send(event: FormEvent): void {
    event.preventDefault()
    if (isAnswering || text.trim() === "") return
    void sendMessage({ text })
    setText("")
  }

  return (
    <main>
      {messages.length === 0 && <p>Ask a question. Then reload this page, or open it in a second tab.</p>}
      {messages.map(({ id: key, role, parts }) => (
        <article key={key} className={role}>
          {parts.map((part, n) => part.type === "text" && <p key={n}>{part.text}</p>)}
        </article>
      ))}
      {error && <p role="alert">{error.message}</p>}
      <form onSubmit={send}>
        <input
          aria-label="Question"
          placeholder="Why do streams break?"
          value={text}
          onChange={(event) => setText(event.target.value)}
        />
        {isAnswering ? (
          <button type="button" onClick={() => transport.stop(id)}>
            Stop
          </button>
        ) : (
          <button>Send</button>
        )}
      </form>
    </main>
  )
}

const loaded = (await (await fetch(`/api/chat/${id}`)).json()) as Loaded
createRoot(document.querySelector("#chat")!).render(<Chat {...loaded} />)
