import assert from "node:assert/strict"
import type { IncomingMessage, ServerResponse } from "node:http"
import { after, before, test } from "node:test"
import type { UIMessage, UIMessageChunk } from "ai"
import { sse } from "../../src/adapters/node.ts"
import { aiSdk, createRuns } from "../../src/runs/index.ts"
import { shareBrowsers } from "../client/browsers/browser.ts"
import { bundle } from "../client/browsers/bundle.ts"
import { missing } from "../client/browsers/find.ts"
import { servePage } from "../client/browsers/page-server.ts"
import type { Tab } from "../client/browsers/tab.ts"
import type { ChatPage } from "./in-page/chat.ts"

const openBrowser = shareBrowsers()

const skip = missing("chromium")

const ANSWER: readonly UIMessageChunk[] = [
  { type: "start", messageId: "a" },
  { type: "start-step" },
  { type: "reasoning-start", id: "r" },
  { type: "reasoning-delta", id: "r", delta: "Streams are " },
  { type: "reasoning-end", id: "r" },
  { type: "tool-input-start", toolCallId: "c", toolName: "look" },
  { type: "tool-input-delta", toolCallId: "c", inputTextDelta: '{"at":"it"}' },
  { type: "tool-input-available", toolCallId: "c", toolName: "look", input: { at: "it" } },
  { type: "tool-output-available", toolCallId: "c", output: { is: "so" } },
  { type: "finish-step" },
  { type: "start-step" },
  { type: "text-start", id: "t" },
  { type: "text-delta", id: "t", delta: "Because " },
  { type: "text-delta", id: "t", delta: "networks do. " },
  { type: "text-delta", id: "t", delta: "🌊\nAlways." },
  { type: "text-end", id: "t" },
  { type: "finish-step" },
  { type: "finish", finishReason: "stop" },
]

/** As the page counts. */
const progressAfter = (count: number): number =>
  ANSWER.slice(0, count).reduce((sum, chunk) => sum + ("delta" in chunk ? chunk.delta.length : 1), 0)

const closers: (() => void | Promise<void>)[] = []
after(async () => {
  for (const close of closers.toReversed()) await close()
})

/** Waits in the page, for what its chat has come to; resolves to that. */
function waitInPage(progress: number, status: string): Promise<ChatPage["chat"]> {
  const page = globalThis as unknown as ChatPage
  return new Promise((resolve, reject) => {
    const giveUp = setTimeout(() => reject(new Error(`${page.progress} ${JSON.stringify(page.chat)}`)), 20_000)
    const timer = setInterval(() => {
      if (page.chat === undefined || page.progress < progress || !new RegExp(status).test(page.chat.status)) return
      clearInterval(timer)
      clearTimeout(giveUp)
      resolve(page.chat)
    }, 10)
  })
}

const sendInPage = (): void => (globalThis as unknown as ChatPage).send()
const stopInPage = (): Promise<void> => (globalThis as unknown as ChatPage).stop()

let tab: Tab
let origin: string
/** Lets what is left of a chat's answer go. */
const gates = new Map<string, PromiseWithResolvers<void> & { readonly at: number }>()
const sockets = new Set<IncomingMessage["socket"]>()
let wasAborted = false
const runs = createRuns({ format: aiSdk<UIMessageChunk>(), flush: { interval: 1 } })

before(async () => {
  if (skip) return
  const t = { after: (close: () => void | Promise<void>) => void closers.push(close) }
  const site = await servePage(t)
  t.after(() => runs.close())
  const script = await bundle(new URL("in-page/chat.ts", import.meta.url))
  site.on("/chat.js", (_, res) => res.setHeader("content-type", "text/javascript").end(script))
  site.on("/chat", (_, res) =>
    res
      .setHeader("content-type", "text/html")
      .end('<!doctype html><body><script type="module" src="/chat.js"></script>'),
  )
  site.on("/api/chat", async (req, res) => {
    const { id } = JSON.parse(Buffer.concat(await req.toArray()).toString()) as { id: string }
    await runs.start(id, ({ signal }) => write(id, signal))
    view(id, req, res)
  })
  for (const id of ["whole", "stop", ...ANSWER.flatMap((_, n) => [`cut-${n}`, `reload-${n}`])]) {
    site.on(`/api/chat/${id}/stream`, async (req, res) => {
      if (req.method === "DELETE") res.end(await runs.stop(id))
      else view(id, req, res)
    })
  }
  tab = await (await openBrowser("chromium", t)).open(site.origin)
  origin = site.origin
})

async function* write(id: string, signal: AbortSignal): AsyncGenerator<UIMessageChunk> {
  signal.addEventListener("abort", () => (wasAborted ||= id === "stop"))
  const gate = gates.get(id)
  for (const [n, chunk] of ANSWER.entries()) {
    if (n === gate?.at) await gate.promise
    yield chunk
  }
}

function view(id: string, req: IncomingMessage, res: ServerResponse): void {
  sockets.add(req.socket)
  // a client that carries on gets the rest, also of an answer that is over; one that comes anew only what is being written
  const onlyActive = req.method === "GET" && req.headers["last-event-id"] === undefined
  sse(req, res, runs.source(id, { location: `/api/chat/${id}/stream`, onlyActive }), { retry: 20 })
}

/** Asks in a page of its own, and waits until so much of the answer has come. */
async function askUntil(id: string, at: number): Promise<void> {
  gates.set(id, { ...Promise.withResolvers<void>(), at })
  await tab.goto(`${origin}/chat?${id}#${id}`)
  await tab.evaluate(waitInPage, 0, "ready")
  await tab.evaluate(sendInPage)
  await tab.evaluate(waitInPage, progressAfter(at), "submitted|streaming")
}

const partsOf = ({ messages }: { readonly messages: readonly UIMessage[] }): unknown => {
  assert.deepEqual(
    messages.map(({ role }) => role),
    ["user", "assistant"],
  )
  return messages[1]?.parts
}

let whole: unknown

test("a response without a failure", { skip }, async () => {
  await askUntil("whole", 0)
  gates.get("whole")?.resolve()
  whole = partsOf(await tab.evaluate(waitInPage, progressAfter(ANSWER.length), "ready"))
  assert.match(JSON.stringify(whole), /Streams are .*"is":"so".*Because networks do. 🌊\\nAlways\./)
})

test("useChat has the same response when it is cut at any part, and receives each part once", { skip }, async () => {
  for (let at = 1; at < ANSWER.length; at++) {
    const id = `cut-${at}`
    await askUntil(id, at)
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    gates.get(id)?.resolve()
    const chat = await tab.evaluate(waitInPage, progressAfter(ANSWER.length), "ready|error")
    assert.equal(chat.status, "ready", `cut after part ${at}`)
    assert.deepEqual(partsOf(chat), whole, `cut after part ${at}`)
    const seen = await tab.evaluate(() => (globalThis as unknown as ChatPage).progress)
    assert.equal(seen, progressAfter(ANSWER.length), `cut after part ${at}: each once`)
  }
})

test("useChat has the same response when its page is reloaded at any part", { skip }, async () => {
  for (let at = 1; at < ANSWER.length; at++) {
    const id = `reload-${at}`
    await askUntil(id, at)
    await tab.goto(`${origin}/chat?${id}-again#${id}`)
    await tab.evaluate(waitInPage, progressAfter(at), "submitted|streaming")
    gates.get(id)?.resolve()
    const chat = await tab.evaluate(waitInPage, progressAfter(ANSWER.length), "ready|error")
    assert.equal(chat.status, "ready", `reloaded after part ${at}`)
    assert.deepEqual(partsOf(chat), whole, `reloaded after part ${at}`)
  }
})

test("stopping ends the response for all viewers, and afterwards there is nothing to resume", { skip }, async () => {
  await askUntil("stop", 14)
  await tab.evaluate(stopInPage)
  const chat = await tab.evaluate(waitInPage, 0, "ready|error")
  assert.equal(chat.status, "ready")
  assert.match(JSON.stringify(partsOf(chat)), /Because networks do\. "/)
  assert.equal((await runs.status("stop")).status, "stopped")
  assert.ok(wasAborted, "so is the model")
  await tab.goto(`${origin}/chat?stop-again#stop`)
  const { messages, status } = await tab.evaluate(waitInPage, 0, "ready|error")
  assert.deepEqual({ count: messages.length, status }, { count: 1, status: "ready" })
})
