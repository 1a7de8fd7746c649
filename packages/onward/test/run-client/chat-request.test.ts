import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import type { PrepareSendMessagesRequest, UIMessage, UIMessageChunk } from "ai"
import { chatTransport, OnwardError, type ChatTransportOptions } from "../../src/run-client/index.ts"
import { aiSdk } from "../../src/runs/index.ts"
import { reservePort } from "../reserve-port.ts"

const format = aiSdk<UIMessageChunk>()
const messages: UIMessage[] = [{ id: "m1", role: "user", parts: [{ type: "text", text: "Hello" }] }]
const request = { chatId: "c/1", trigger: "submit-message", messageId: "m1", messages, abortSignal: undefined }
const BODY = { id: "c/1", messages, messageId: "m1", trigger: "submit-message" }

interface Asked {
  readonly line: string
  readonly headers: IncomingHttpHeaders
  readonly body: unknown
}

/** A provider that answers with a whole message, or refuses with a text. */
async function serve(
  t: TestContext,
  refusal?: { status: number; text: string },
): Promise<{ api: string; asked: Asked[] }> {
  const asked: Asked[] = []
  const server = createServer(async (req, res) => {
    const body = req.method === "POST" ? await json(req) : undefined
    asked.push({ line: `${req.method} ${req.url}`, headers: req.headers, body })
    if (refusal) return void res.writeHead(refusal.status).end(refusal.text)
    res.writeHead(200, { "content-type": "text/event-stream" })
    res.end('id: 1\ndata: {"type":"start"}\n\nid: 2\ndata: {"type":"finish"}\n\nid: 3\ndata: [DONE]\n\n')
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return { api: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat`, asked }
}

async function drain(stream: AsyncIterable<unknown> | readonly never[]): Promise<void> {
  for await (const _ of stream);
}

type Options = Omit<ChatTransportOptions<UIMessageChunk, UIMessage>, "format" | "api">

async function send(t: TestContext, options: Options, more: object = {}): Promise<Asked> {
  const { api, asked } = await serve(t)
  const stream = await chatTransport<UIMessageChunk, UIMessage>({ api, format, ...options }).sendMessages({
    ...request,
    ...more,
  })
  await drain(stream)
  assert.equal(asked.length, 1)
  return asked[0] as Asked
}

test("the transport's body is sent with each request, as a value or by a function", async (t) => {
  for (const body of [{ someData: true }, () => ({ someData: true }), () => Promise.resolve({ someData: true })]) {
    const asked = await send(t, { body })
    assert.equal(asked.line, "POST /api/chat")
    assert.deepEqual(asked.body, { someData: true, ...BODY })
    assert.equal(asked.headers["content-type"], "application/json")
  }
  const asked = await send(t, { body: { a: 1, b: 1, id: "theirs" } }, { body: { b: 2 } })
  assert.deepEqual(asked.body, { a: 1, b: 2, ...BODY })
})

test("the transport's headers are sent, and those of a request override them", async (t) => {
  for (const headers of [
    { "X-A": "1", "X-B": "1" },
    () => ({ "X-A": "1", "X-B": "1" }),
    new Headers({ "x-a": "1", "x-b": "1" }),
  ]) {
    const asked = await send(t, { headers }, { headers: { "x-b": "2" } })
    assert.deepEqual([asked.headers["x-a"], asked.headers["x-b"]], ["1", "2"])
  }
})

test("a request is what prepareSendMessagesRequest makes of it", async (t) => {
  const { api, asked } = await serve(t)
  const prepared: unknown[] = []
  const prepare: PrepareSendMessagesRequest<UIMessage> = (options) => {
    prepared.push(options)
    return {
      body: { last: options.messages.at(-1) },
      headers: { "x-mine": "1" },
      api: `${options.api}/other`,
      credentials: "omit",
    }
  }
  const seen: (RequestCredentials | undefined)[] = []
  const transport = chatTransport<UIMessageChunk, UIMessage>({
    api,
    format,
    body: () => ({ a: 1 }),
    headers: { "X-Base": "1" },
    credentials: () => "include",
    prepareSendMessagesRequest: prepare,
    fetch(url, init) {
      seen.push(init.credentials)
      return fetch(url, init)
    },
  })
  await drain(
    await transport.sendMessages({ ...request, body: { b: 2 }, headers: { "x-its": "2" }, metadata: { c: 3 } }),
  )
  assert.deepEqual(prepared, [
    {
      ...{ api, id: "c/1", messages, messageId: "m1", trigger: "submit-message", requestMetadata: { c: 3 } },
      ...{ body: { a: 1, b: 2 }, headers: { "x-base": "1", "x-its": "2" }, credentials: "include" },
    },
  ])
  const [first] = asked
  assert.deepEqual([first?.line, first?.body, seen], ["POST /api/chat/other", { last: messages[0] }, ["omit"]])
  const { headers } = first as Asked
  assert.deepEqual([headers["x-mine"], headers["x-base"], headers["x-its"]], ["1", undefined, undefined])
})

test("a response is found again, and stopped, where prepareReconnectToStreamRequest says", async (t) => {
  const { api, asked } = await serve(t)
  const plain = chatTransport({ api, format, headers: { "x-a": "1" } })
  await drain((await plain.reconnectToStream({ chatId: "c/1", headers: { "x-b": "2" } })) ?? [])
  const prepared: unknown[] = []
  const transport = chatTransport({
    api,
    format,
    prepareReconnectToStreamRequest: async (options) => {
      prepared.push(options)
      return { api: `${api}/found?id=${options.id}`, headers: { "x-mine": "1" } }
    },
  })
  await drain((await transport.reconnectToStream({ chatId: "c", metadata: 1, body: { b: 1 } })) ?? [])
  await transport.stop("c")
  assert.deepEqual(
    asked.map(({ line, headers }) => [line, headers["x-a"], headers["x-b"], headers["x-mine"]]),
    [
      ["GET /api/chat/c%2F1/stream", "1", "2", undefined],
      ["GET /api/chat/found?id=c", undefined, undefined, "1"],
      ["DELETE /api/chat/found?id=c", undefined, undefined, "1"],
    ],
  )
  const common = { api, id: "c", credentials: undefined, headers: {} }
  assert.deepEqual(prepared, [
    { ...common, body: { b: 1 }, requestMetadata: 1 },
    { ...common, body: {}, requestMetadata: undefined },
  ])
})

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail("it did not fail"),
    (error: unknown) => error,
  )

test("the error of a refusal has the message of the server", async (t) => {
  for (const status of [400, 401, 404, 500]) {
    const { api } = await serve(t, { status, text: "Your quota is used up. é" })
    const error = await failureOf(chatTransport({ api, format }).sendMessages(request))
    assert.ok(error instanceof OnwardError)
    assert.deepEqual([error.message, error.status], ["Your quota is used up. é", status])
  }
  const { api } = await serve(t, { status: 404, text: "" })
  const silent = await failureOf(chatTransport({ api, format }).reconnectToStream({ chatId: "c" }))
  assert.match(String(silent), /status 404/)
  const long = await serve(t, { status: 400, text: "x".repeat(1_000_000) })
  const error = (await failureOf(chatTransport({ api: long.api, format }).sendMessages(request))) as Error
  assert.equal(error.message.length, 16_384)
})

test("a connection that is lost permanently is an error for which the AI SDK reports isDisconnect", async (t) => {
  const isDisconnect = (error: unknown): boolean => error instanceof TypeError && error.message.includes("network")
  const away = `http://127.0.0.1:${await reservePort()}/api/chat`
  const unreached = await failureOf(
    chatTransport({ api: away, format, retry: { attempts: 1, base: 1 } }).sendMessages(request),
  )
  assert.ok(isDisconnect(unreached), String(unreached))
  assert.equal((unreached as { code?: string }).code, "network_error")

  const server = createServer((_, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" }).write('data: {"type":"start"}\n\n')
    setTimeout(() => res.destroy(), 20)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  const api = `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/chat`
  const stream = await chatTransport({ api, format, retry: false }).sendMessages(request)
  const cut = await failureOf(drain(stream))
  assert.ok(isDisconnect(cut), String(cut))
  assert.ok((cut as Error).cause instanceof OnwardError)

  const refused = await serve(t, { status: 400, text: "no" })
  assert.ok(!isDisconnect(await failureOf(chatTransport({ api: refused.api, format }).sendMessages(request))))
})
