// A chat with `useChat` whose answers survive a reload, a lost connection and a closed tab. Try: npm install, npm start, then open
// http://localhost:3000, ask a question, and reload the page in the middle of the answer.
import { serve } from "@hono/node-server"
import { createUIMessageStream, safeValidateUIMessages, type UIMessage, type UIMessageChunk } from "ai"
import { Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { readFile } from "node:fs/promises"
import { setTimeout as sleep } from "node:timers/promises"
import { OnwardError } from "onward"
import { aiSdk, createRuns } from "onward/runs"
import { build } from "rolldown"

/** Each answer is a run. Runs are kept in memory here; with a `log` of SQLite, Redis, PostgreSQL or NATS they survive the process. */
const runs = createRuns({ format: aiSdk<UIMessageChunk>() })

interface Chat {
  readonly messages: UIMessage[]
  /** The run of the newest answer, and the id of its message. */
  run?: string
  isAnswering: boolean
}

const chats = new Map<string, Chat>() // your database here
const owner = "me" // the user of your session here: other users cannot find these runs

/** Writes an answer into its run. When it ends, complete or not, its message is kept. */
function answer(chat: Chat, question: UIMessage, id: string, signal: AbortSignal): ReadableStream<UIMessageChunk> {
  return createUIMessageStream({
    originalMessages: chat.messages,
    generateId: () => id,
    async execute({ writer }) {
      // your model here, instead of the loop:
      // const messages = await convertToModelMessages(chat.messages)
      // const { stream } = streamText({ model, messages, abortSignal: signal })
      // writer.merge(toUIMessageStream({ stream }))
      for await (const chunk of canned(question, signal)) writer.write(chunk)
    },
    onEnd({ responseMessage }) {
      if (responseMessage.parts.length > 0) chat.messages.push(responseMessage)
      chat.isAnswering = false
    },
  })
}

/** A canned answer, as slow as a model's. */
async function* canned(question: UIMessage, signal: AbortSignal): AsyncGenerator<UIMessageChunk> {
  const asked = question.parts.map((part) => (part.type === "text" ? part.text : "")).join("")
  yield { type: "start" }
  yield { type: "text-start", id: "text" }
  for (const delta of `You asked: “${asked}” ${CANNED}`.split(/(?<= )/)) {
    await sleep(100, undefined, { signal })
    yield { type: "text-delta", id: "text", delta }
  }
  yield { type: "text-end", id: "text" }
  yield { type: "finish" }
}

const CANNED =
  "This answer is canned. The server writes it even if no page is open. Reload this page or open it in a second tab: the answer continues where it is. The button stops it in every tab."

const app = new Hono()

// the page's first state: the messages, and whether an answer is being written
app.get("/api/chat/:id", (c) => Response.json(chats.get(c.req.param("id")) ?? { messages: [], isAnswering: false }))

// starts an answer, and streams it
app.post(
  "/api/chat",
  bodyLimit({ maxSize: 100_000, onError: (c) => c.text("The message is too long.", 413) }),
  async (c) => {
    const { id, message } = ((await c.req.json().catch(() => null)) ?? {}) as { id?: unknown; message?: unknown }
    const checked = await safeValidateUIMessages({ messages: [message] })
    const question = checked.success ? checked.data[0] : undefined
    if (typeof id !== "string" || !/^[\w-]{1,64}$/.test(id) || question?.role !== "user") {
      return c.text("The request has no chat id or no message of a user. Send { id, message }.", 400)
    }
    const chat = chats.get(id) ?? { messages: [], isAnswering: false }
    if (chat.isAnswering) return c.text("This chat is being answered. Wait for the answer, or stop it.", 409)
    const run = crypto.randomUUID()
    chat.messages.push(question)
    chats.set(id, Object.assign(chat, { run, isAnswering: true }))
    try {
      await runs.start(run, ({ signal }) => answer(chat, question, run, signal), { owner })
    } catch (error) {
      chat.isAnswering = false
      throw error
    }
    return runs.respond(c.req.raw, run, { owner, location: `/api/chat/${id}/stream` })
  },
)

// resumes the newest answer by GET: from its beginning in a new page, else after the part that arrived last; stops it by DELETE
app.on(["GET", "DELETE"], "/api/chat/:id/stream", async (c) => {
  const run = chats.get(c.req.param("id"))?.run
  return run === undefined ? c.body(null, 204) : runs.respond(c.req.raw, run, { owner })
})

// 503 while the store is unavailable
app.onError((error, c) => c.text("The server failed.", error instanceof OnwardError ? 503 : 500))

const bundle = await build({
  cwd: import.meta.dirname,
  input: "page.tsx",
  platform: "browser",
  logLevel: "silent",
  write: false,
})
const html = await readFile(new URL("index.html", import.meta.url), "utf8")
app.get("/", (c) => c.redirect(`/chat/${crypto.randomUUID()}`))
app.get("/chat/:id", (c) => c.html(html))
app.get("/page.js", (c) => c.body(bundle.output[0].code, 200, { "content-type": "text/javascript" }))

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) })

// on a deploy open pages reconnect to another process, and answers that this process writes end as failed
process.once("SIGTERM", async () => {
  server.close()
  await runs.close()
})
