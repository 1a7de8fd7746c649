import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import type { TestContext } from "node:test"

/** A request as the provider got it. */
export interface Call {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly body: string
  /** Resolves when the connection of this call is gone. */
  readonly gone: Promise<unknown>
}

/** A provider of our own: it answers as a test says, a piece at a time. */
export interface Provider {
  /** Its base URL. */
  readonly url: string
  readonly calls: Call[]
  /** The next call that comes. */
  call(): Promise<Call>
}

export async function createProvider(t: TestContext, answer?: (call: Call) => void): Promise<Provider> {
  const calls: Call[] = []
  const waiting: ((call: Call) => void)[] = []
  let taken = 0
  const server = createServer((req, res) => {
    const read = text(req).catch(() => undefined)
    void read.then((body) => {
      // the client broke off
      if (body === undefined) return
      const call = { req, res, body, gone: once(res, "close") }
      calls.push(call)
      answer?.(call)
      while (waiting.length > 0 && taken < calls.length) waiting.shift()?.(calls[taken++] as Call)
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1`,
    calls,
    call: () =>
      new Promise((resolve) => {
        if (taken < calls.length) resolve(calls[taken++] as Call)
        else waiting.push(resolve)
      }),
  }
}

export const begin = (res: ServerResponse): void => {
  res.writeHead(200, { "content-type": "text/event-stream", "x-request-id": "req_7" }).flushHeaders()
}

const send = (res: ServerResponse, data: object, event?: string): void =>
  void res.write(`${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`)

/** Writes a chat completion. */
export const chat = {
  say(res: ServerResponse, delta: object, finish: string | null = null): void {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }]
    send(res, { id: "chatcmpl-1", object: "chat.completion.chunk", created: 1, model: "m", choices })
  },
  finish(res: ServerResponse): void {
    chat.say(res, {}, "stop")
    res.end("data: [DONE]\n\n")
  },
}

/** Writes a response with one message. */
export function writeResponse(res: ServerResponse, id: string, more: object = {}) {
  let sequence = 0
  let text = ""
  const event = (type: string, data: object): void => send(res, { type, sequence_number: sequence++, ...data }, type)
  const response = (status: string, output: object[]): object => ({
    id,
    object: "response",
    created_at: 1,
    status,
    error: null,
    incomplete_details: null,
    model: "m",
    output,
    ...more,
  })
  const at = { item_id: "msg_1", output_index: 0, content_index: 0 }
  const item = { id: "msg_1", type: "message", role: "assistant" }
  const part = (): object => ({ type: "output_text", text, annotations: [], logprobs: [] })
  return {
    begin() {
      begin(res)
      event("response.created", { response: response("in_progress", []) })
      event("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress", content: [] } })
      event("response.content_part.added", { ...at, part: part() })
    },
    say(delta: string) {
      text += delta
      event("response.output_text.delta", { ...at, delta, logprobs: [] })
    },
    finish() {
      const done = { ...item, status: "completed", content: [part()] }
      event("response.output_text.done", { ...at, text, logprobs: [] })
      event("response.content_part.done", { ...at, part: part() })
      event("response.output_item.done", { output_index: 0, item: done })
      event("response.completed", { response: response("completed", [done]) })
      res.end()
    },
  }
}

/** Writes a message of Anthropic's. */
export const message = {
  begin(res: ServerResponse): void {
    begin(res)
    const usage = { input_tokens: 1, output_tokens: 1 }
    const start = { id: "msg_1", type: "message", role: "assistant", model: "claude-x", content: [], usage }
    send(res, { type: "message_start", message: { ...start, stop_reason: null, stop_sequence: null } }, "message_start")
    send(res, { type: "ping" }, "ping")
    const block = { type: "text", text: "" }
    send(res, { type: "content_block_start", index: 0, content_block: block }, "content_block_start")
  },
  say(res: ServerResponse, text: string): void {
    const delta = { type: "text_delta", text }
    send(res, { type: "content_block_delta", index: 0, delta }, "content_block_delta")
  },
  finish(res: ServerResponse): void {
    send(res, { type: "content_block_stop", index: 0 }, "content_block_stop")
    const delta = { stop_reason: "end_turn", stop_sequence: null }
    send(res, { type: "message_delta", delta, usage: { output_tokens: 2 } }, "message_delta")
    send(res, { type: "message_stop" }, "message_stop")
    res.end()
  },
}
