import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import Anthropic from "@anthropic-ai/sdk"
import {
  DefaultChatTransport,
  readUIMessageStream,
  simulateReadableStream,
  streamText,
  toUIMessageStream,
  type UIMessage,
  type UIMessageChunk,
} from "ai"
import { MockLanguageModelV4 } from "ai/test"
import OpenAI from "openai"
import { readFileSync } from "node:fs"
import { sse } from "../../src/node/index.ts"
import { agUi, aiSdk, anthropic, createRuns, openaiChat, openaiResponses, text } from "../../src/runs/index.ts"
import type { Format, RunSourceFunction } from "../../src/runs/index.ts"
import { answered } from "./formats/answer.ts"
import { framesOf } from "./formats/cases.ts"
import { readAiSdk } from "./formats/read-ai-sdk.ts"
import { readText } from "./formats/read-text.ts"

const SAID = 'Grüße aus 東京:\n\n1. "Eins"👩‍🚀 \\n fertig.'

/** One run in Anthropic's format, to be watched in any, at `/<format>/…`. */
async function serve(t: TestContext): Promise<string> {
  const format = anthropic()
  const runs = createRuns({ format, formats: [text(), openaiChat(), openaiResponses(), aiSdk(), agUi()] })
  await runs.start("a", async function* () {
    for (const frame of framesOf(format, "anthropic-text")) yield frame as object
  })
  const server = createServer((req, res) => {
    sse(req, res, runs.source("a", { format: req.url?.split("/")[1] ?? "" }))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await runs.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test("one run is read by the official clients of Anthropic, OpenAI and the AI SDK", async (t) => {
  const url = await serve(t)
  const messages = [{ role: "user" as const, content: "?" }]

  const claude = new Anthropic({ apiKey: "none", baseURL: `${url}/anthropic` })
  const message = await claude.messages.stream({ model: "m", max_tokens: 9, messages }).finalMessage()
  assert.deepEqual(
    message.content.map((block) => (block.type === "text" ? block.text : block.type)),
    ["thinking", SAID],
  )

  const chat = new OpenAI({ apiKey: "none", baseURL: `${url}/openai-chat` })
  const completion = await chat.chat.completions.stream({ model: "m", messages }).finalChatCompletion()
  assert.equal(completion.choices[0]?.message.content, SAID)
  assert.deepEqual(completion.usage, { prompt_tokens: 11, completion_tokens: 12, total_tokens: 23 })

  const responses = new OpenAI({ apiKey: "none", baseURL: `${url}/openai-responses` })
  assert.equal((await responses.responses.stream({ model: "m", input: "?" }).finalResponse()).output_text, SAID)

  const transport = new DefaultChatTransport({
    api: `${url}/ai-sdk`,
    prepareReconnectToStreamRequest: () => ({ api: `${url}/ai-sdk` }),
  })
  const stream = await transport.reconnectToStream({ chatId: "a" })
  assert.ok(stream)
  let last: UIMessage | undefined
  for await (const each of readUIMessageStream({ stream })) last = each
  assert.equal(last?.parts.map((part) => (part.type === "text" ? part.text : "")).join(""), SAID)
})

test("streams of the official clients of OpenAI and Anthropic are sources, and are merged like others", async () => {
  const recorded = (name: string) => () =>
    Promise.resolve(answered(readFileSync(new URL(`fixtures/${name}.sse`, import.meta.url), "utf8")))
  const messages = [{ role: "user" as const, content: "?" }]
  const gpt = (name: string): OpenAI => new OpenAI({ apiKey: "none", fetch: recorded(name) })
  const claude = new Anthropic({ apiKey: "none", fetch: recorded("anthropic-text") })
  const ask = { model: "m", stream: true as const }
  const sources: [format: Format<object | string>, source: RunSourceFunction<object>, as: string][] = [
    [
      openaiChat(),
      ({ signal }) => gpt("openai-chat-text").chat.completions.create({ ...ask, messages }, { signal }),
      'Grüße aus 東京:\n\n1. "Eins"\n2. 👩‍🚀\\n fertig.',
    ],
    [
      openaiResponses(),
      ({ signal }) => gpt("openai-responses-text").responses.create({ ...ask, input: "?" }, { signal }),
      SAID,
    ],
    [anthropic(), ({ signal }) => claude.messages.create({ ...ask, max_tokens: 9, messages }, { signal }), SAID],
  ]
  for (const [format, source, said] of sources) {
    await using runs = createRuns<object | string>({ format, formats: [text()] })
    const { ended } = await runs.start("a", source)
    assert.equal((await ended()).status, "completed", format.name)
    const data = await (await runs.respond(new Request("http://x/"), "a")).text()
    assert.doesNotMatch(data, /obfuscation/)
    const plain = await runs.respond(new Request("http://x/"), "a", { format: "text" })
    assert.equal((await readText(await plain.text())).text, said)
    let frames = 0
    for await (const { frame } of runs.attach("a")) frames += frame === undefined ? 0 : 1
    assert.ok(frames < framesOf(format, `${format.name}-text`).length, `${format.name} was merged`)
  }
})

test("a result of the AI SDK is a source", async () => {
  const model = new MockLanguageModelV4({
    doStream: {
      stream: simulateReadableStream({
        chunks: [
          { type: "stream-start", warnings: [] },
          { type: "text-start", id: "1" },
          ...["Once", " upon", " a time"].map((delta) => ({ type: "text-delta" as const, id: "1", delta })),
          { type: "text-end", id: "1" },
          {
            type: "finish",
            finishReason: { unified: "stop", raw: "stop" },
            usage: {
              inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
              outputTokens: { total: 3, text: 3, reasoning: 0 },
            },
          },
        ],
      }),
    },
  })
  await using runs = createRuns({ format: aiSdk<UIMessageChunk>() })
  const { ended } = await runs.start("a", ({ id, signal }) => {
    const { stream } = streamText({ model, prompt: "?", abortSignal: signal })
    return toUIMessageStream({ stream, generateMessageId: () => id })
  })
  assert.equal((await ended()).status, "completed")
  const answer = await readAiSdk(await (await runs.respond(new Request("http://x/"), "a")).text())
  assert.equal(answer.error, undefined)
  assert.equal(answer.isComplete, true)
  assert.equal(answer.text, "Once upon a time")
})
