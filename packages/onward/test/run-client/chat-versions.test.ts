import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import * as ai7 from "ai"
import { MockLanguageModelV4 } from "ai/test"
import * as ai6 from "ai6"
import { MockLanguageModelV3 } from "ai6/test"
import { sse } from "../../src/adapters/node.ts"
import { chatTransport } from "../../src/run-client/index.ts"
import { aiSdk, createRuns, type RunSource } from "../../src/runs/index.ts"

/** What a chat of either line can do, and how it looks. */
interface Chat {
  readonly status: string
  readonly error: Error | undefined
  readonly messages: readonly {
    readonly role: string
    readonly parts: readonly { readonly type: string; readonly text?: string }[]
  }[]
  sendMessage(message: { text: string }): Promise<void>
  resumeStream(): Promise<void>
}

/** What a chat keeps its messages in; what `useChat` does with React's. */
interface State<Message> {
  status: ai7.ChatStatus
  error: Error | undefined
  messages: Message[]
  pushMessage(message: Message): void
  popMessage(): void
  replaceMessage(index: number, message: Message): void
  snapshot<T>(thing: T): T
}

function createState<Message>(messages: Message[], onChange: () => void): State<Message> {
  const change = (act: () => unknown): void => {
    act()
    onChange()
  }
  return {
    status: "ready",
    error: undefined,
    messages,
    pushMessage: (message) => change(() => messages.push(message)),
    popMessage: () => change(() => messages.pop()),
    replaceMessage: (index, message) => change(() => (messages[index] = structuredClone(message))),
    snapshot: (thing) => structuredClone(thing),
  }
}

/** One line of the AI SDK: a chat in a page, and an answer on a server. */
interface Line {
  readonly name: string
  open(api: string, id: string, onChange: () => void): { readonly chat: Chat; readonly stop: () => Promise<void> }
  answer(words: AsyncIterable<string>, signal: AbortSignal): RunSource<object>
}

const NO_TOKENS = { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 }
const USAGE = { inputTokens: NO_TOKENS, outputTokens: { total: 0, text: 0, reasoning: 0 } }

/** What a model sends, in both lines. */
async function* sent(words: AsyncIterable<string>) {
  yield { type: "stream-start" as const, warnings: [] }
  yield { type: "text-start" as const, id: "t" }
  for await (const delta of words) yield { type: "text-delta" as const, id: "t", delta }
  yield { type: "text-end" as const, id: "t" }
  yield { type: "finish" as const, finishReason: { unified: "stop" as const, raw: "stop" }, usage: USAGE }
}

function streamOf<T>(items: AsyncGenerator<T, void>): ReadableStream<T> {
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await items.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

const lines: readonly Line[] = [
  {
    name: "ai 7",
    open(api, id, onChange) {
      class NodeChat extends ai7.AbstractChat<ai7.UIMessage> {}
      const transport = chatTransport({ api, format: aiSdk<ai7.UIMessageChunk>(), retry: { base: 10 } })
      const chat = new NodeChat({ id, transport, state: createState<ai7.UIMessage>([], onChange) })
      return { chat, stop: () => transport.stop(id) }
    },
    answer(words, signal) {
      const model = new MockLanguageModelV4({ doStream: async () => ({ stream: streamOf(sent(words)) }) })
      const { stream } = ai7.streamText({ model, prompt: "?", abortSignal: signal })
      return ai7.toUIMessageStream({ stream, generateMessageId: () => "m" })
    },
  },
  {
    name: "ai 6",
    open(api, id, onChange) {
      class NodeChat extends ai6.AbstractChat<ai6.UIMessage> {}
      const transport = chatTransport({ api, format: aiSdk<ai6.UIMessageChunk>(), retry: { base: 10 } })
      const chat = new NodeChat({ id, transport, state: createState<ai6.UIMessage>([], onChange) })
      return { chat, stop: () => transport.stop(id) }
    },
    answer(words, signal) {
      const model = new MockLanguageModelV3({ doStream: async () => ({ stream: streamOf(sent(words)) }) })
      return ai6
        .streamText({ model, prompt: "?", abortSignal: signal })
        .toUIMessageStream({ generateMessageId: () => "m" })
    },
  },
]

/** A server that makes runs of what a line answers: `Once`, and the rest once it may. */
async function serve(t: TestContext, { answer }: Line) {
  const runs = createRuns({ format: aiSdk(), flush: { interval: 1 } })
  const gate = Promise.withResolvers<void>()
  const aborted = Promise.withResolvers<void>()
  async function* words(): AsyncGenerator<string> {
    yield "Once"
    await gate.promise
    yield* [" upon", " a", " time"]
  }
  const view = (req: IncomingMessage, res: ServerResponse, id: string): void => {
    const onlyActive = req.method === "GET" && req.headers["last-event-id"] === undefined
    sse(req, res, runs.source(id, { location: `/api/chat/${id}/stream`, onlyActive }), { retry: 10 })
  }
  const server = createServer((req, res) => {
    const id = /^\/api\/chat\/([^/]+)\/stream$/.exec(req.url ?? "")?.[1]
    if (id !== undefined && req.method === "DELETE") return void runs.stop(id).then((outcome) => res.end(outcome))
    if (id !== undefined) return view(req, res, id)
    void text(req).then(async (body) => {
      const { id: asked } = JSON.parse(body) as { id: string }
      await runs.start(asked, ({ signal }) => {
        signal.addEventListener("abort", () => aborted.resolve())
        return answer(words(), signal)
      })
      view(req, res, asked)
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    gate.resolve()
    server.closeAllConnections()
    server.close()
    await runs.close()
  })
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat`
  return { api, runs, goOn: gate.resolve, aborted: aborted.promise, cut: () => server.closeAllConnections() }
}

/** A chat in a page, and a way to wait until it shows something. */
function openChat({ open }: Line, api: string) {
  let look = (): void => {}
  const opened = open(api, "a", () => look())
  const answers = (): string[] =>
    opened.chat.messages
      .filter(({ role }) => role === "assistant")
      .map(({ parts }) => parts.map((part) => part.text ?? "").join(""))
  const shows = (wanted: string): Promise<void> =>
    new Promise((resolve) => {
      look = () => {
        if (answers().join() === wanted) resolve()
      }
      look()
    })
  return { ...opened, answers, shows }
}

for (const line of lines) {
  test(`${line.name}: a chat that is cut in the middle of a response has each word once, and no error`, async (t) => {
    const { api, goOn, cut } = await serve(t, line)
    const { chat, answers, shows } = openChat(line, api)
    const asking = chat.sendMessage({ text: "?" })
    await shows("Once")
    cut()
    goOn()
    await asking
    assert.equal(chat.error, undefined)
    assert.equal(chat.status, "ready")
    assert.deepEqual(answers(), ["Once upon a time"])
  })

  test(`${line.name}: a chat that is opened again finds the running response, and nothing after its end`, async (t) => {
    const { api, goOn } = await serve(t, line)
    const first = openChat(line, api)
    const asking = first.chat.sendMessage({ text: "?" })
    await first.shows("Once")
    const second = openChat(line, api)
    const resuming = second.chat.resumeStream()
    await second.shows("Once")
    goOn()
    await Promise.all([asking, resuming])
    assert.deepEqual([first.answers(), second.answers()], [["Once upon a time"], ["Once upon a time"]])
    assert.deepEqual([first.chat.status, second.chat.status], ["ready", "ready"])
    const third = openChat(line, api)
    await third.chat.resumeStream()
    assert.deepEqual([third.chat.status, third.answers()], ["ready", []])
  })

  test(`${line.name}: a chat that its transport stops keeps the received part, and its model is aborted`, async (t) => {
    const { api, runs, aborted } = await serve(t, line)
    const { chat, answers, shows, stop } = openChat(line, api)
    const asking = chat.sendMessage({ text: "?" })
    await shows("Once")
    await stop()
    await Promise.all([asking, aborted])
    assert.deepEqual(answers(), ["Once"])
    assert.equal(chat.status, "ready")
    assert.equal((await runs.status("a")).status, "stopped")
  })
}
