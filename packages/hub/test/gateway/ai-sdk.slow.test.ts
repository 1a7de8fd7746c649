import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { createOpenAI } from "@ai-sdk/openai"
import { createOpenAI as createOpenAI6 } from "@ai-sdk/openai6"
import * as sdk from "ai"
import * as sdk6 from "ai6"
import { serveOnward } from "../onward.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, createProvider, writeResponse, type Provider } from "./provider.ts"

/** Versions of the AI SDK, with the version of their OpenAI provider. */
const versions = [
  { name: "AI SDK 7", sdk, createOpenAI },
  // the same functions, with types of their own
  {
    name: "AI SDK 6",
    sdk: sdk6 as unknown as typeof sdk,
    createOpenAI: createOpenAI6 as unknown as typeof createOpenAI,
  },
]

/** Ways to ask, and how a provider answers each. */
const kinds = [
  {
    path: "/chat/completions",
    model: (openai: ReturnType<typeof createOpenAI>) => openai.chat("m"),
    begin({ res }: Answering) {
      begin(res)
      return { say: (content: string) => chat.say(res, { content }), finish: () => chat.finish(res) }
    },
  },
  {
    path: "/responses",
    model: (openai: ReturnType<typeof createOpenAI>) => openai.responses("m"),
    begin({ res }: Answering) {
      const response = writeResponse(res, "resp_1")
      response.begin()
      return response
    },
  },
]

type Answering = Awaited<ReturnType<Provider["call"]>>

async function start(t: TestContext): Promise<{ provider: Provider; url: string }> {
  const provider = await createProvider(t)
  const args = ["--upstream", provider.url, "--no-demo"]
  return { provider, url: (await serveOnward(t, { data: temporaryFolder(t), args })).url }
}

test("the AI SDK streams, resumes and stops its requests to a gateway", async (t) => {
  const { provider, url } = await start(t)
  for (const { name, sdk, createOpenAI } of versions) {
    for (const { path, model, begin } of kinds) {
      await t.test(`${name}, ${path}`, async () => {
        const apiKey = `${name} ${path}`
        let location = ""
        const openai = createOpenAI({
          apiKey,
          baseURL: `${url}/v1`,
          async fetch(input, init) {
            const response = await fetch(input, init)
            location = response.headers.get("content-location") ?? ""
            return response
          },
        })
        // one that gets the stream of a run instead of asking for a new one
        const resuming = createOpenAI({
          apiKey,
          baseURL: `${url}/v1`,
          fetch: (_input, init) =>
            fetch(new URL(location, url), {
              headers: { authorization: `Bearer ${apiKey}` },
              signal: init?.signal ?? null,
            }),
        })
        const leaving = new AbortController()
        const streaming = sdk.streamText({
          model: model(openai),
          prompt: "?",
          maxRetries: 0,
          abortSignal: leaving.signal,
          onError() {},
        })
        const iterator = streaming.textStream[Symbol.asyncIterator]()
        const first = iterator.next()
        const call = await provider.call()
        assert.equal(call.req.url, `/api/v1${path}`)
        const answer = begin(call)
        answer.say("Once")
        assert.equal((await first).value, "Once")
        leaving.abort()
        // the provider goes on without its client
        answer.say(" upon")
        const resumed = sdk.streamText({ model: model(resuming), prompt: "?", maxRetries: 0 })
        let text = ""
        for await (const delta of resumed.textStream) {
          text += delta
          if (text === "Once upon") {
            answer.say(" a time")
            answer.finish()
          }
        }
        assert.equal(text, "Once upon a time")
        assert.equal(await resumed.finishReason, "stop")

        const errors: unknown[] = []
        const stopped = sdk.streamText({
          model: model(openai),
          prompt: "?",
          maxRetries: 0,
          onError: ({ error }) => void errors.push(error),
        })
        const words = stopped.textStream[Symbol.asyncIterator]()
        const word = words.next()
        const second = await provider.call()
        begin(second).say("Once")
        assert.equal((await word).value, "Once")
        const [run = ""] = location.split("?")
        const isChat = path === "/chat/completions"
        const stopping = await fetch(new URL(isChat ? run : `${run}/cancel`, url), {
          method: isChat ? "DELETE" : "POST",
          headers: { authorization: `Bearer ${apiKey}` },
        })
        assert.equal(stopping.status, 200)
        assert.equal((await words.next()).done, true)
        await second.gone
        if (isChat) assert.match(JSON.stringify(errors), /run_stopped|was stopped/)
        else assert.equal(await stopped.finishReason, "other")
      })
    }
  }
})

test("with the gateway's own key, a conversation of the AI SDK goes on, and another caller cannot refer to its messages", async (t) => {
  for (const { name, sdk, createOpenAI } of versions) {
    const provider = await createProvider(t)
    const args = ["--upstream", provider.url, "--no-demo"]
    const { url } = await serveOnward(t, { data: temporaryFolder(t), args, env: { ONWARD_UPSTREAM_KEY: "own" } })
    const ask = (apiKey: string, messages: sdk.ModelMessage[]): ReturnType<typeof sdk.streamText> => {
      const model = createOpenAI({ apiKey, baseURL: `${url}/v1` }).responses("m")
      return sdk.streamText({ model, messages, maxRetries: 0, onError() {} })
    }
    const answer = async (id: string): Promise<string> => {
      const { res, body } = await provider.call()
      const response = writeResponse(res, id)
      response.begin()
      response.say("Once")
      response.finish()
      return body
    }
    const messages: sdk.ModelMessage[] = [{ role: "user", content: "?" }]
    const first = ask("one", messages)
    await Promise.all([first.text, answer("resp_1")])
    messages.push(...(await first.response).messages, { role: "user", content: "And?" })
    const [text, body] = await Promise.all([ask("one", messages).text, answer("resp_2")])
    assert.equal(text, "Once")
    assert.match(body, /"item_reference"/)
    await assert.rejects(async () => ask("two", messages).text, Error, name)
    assert.equal(provider.calls.length, 2)
  }
})
