import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import OpenAI from "openai"
import { sse } from "../../src/node/index.ts"
import { createRuns, openaiChat, text, type Runs } from "../../src/runs/index.ts"
import { serve } from "./serve.ts"

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1,
    model: "canned",
    choices: [{ index: 0, delta, finish_reason: finish }],
  })}\n\n`

const usage = `data: ${JSON.stringify({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "canned",
  choices: [],
  usage: { prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 },
})}\n\n`

/** A provider that says its first words, and the rest once `go` resolves; then it ends well, or is cut. */
const provider = (t: TestContext, go: Promise<void>, isCut = false): Promise<string> =>
  serve(t, async (_req, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" })
    res.write(chunk({ role: "assistant", content: "" }) + chunk({ content: "Once " }) + chunk({ content: "upon " }))
    await go
    if (isCut) return void res.destroy()
    res.end(chunk({ content: "a time" }) + chunk({}, "stop") + usage + "data: [DONE]\n\n")
  })

/** Our server: it starts the run with the first request, and resumes it with any other. */
async function serving(t: TestContext, runs: Runs<object | string>, upstream: string) {
  const origin = await serve(t, async (req, res) => {
    await runs.start("a", ({ signal }) => fetch(upstream, { signal }))
    sse(req, res, runs.source("a"))
  })
  return new OpenAI({ apiKey: "none", baseURL: origin, maxRetries: 0 })
}

const ask = { model: "canned", stream: true as const, messages: [] }

test("OpenAI's own client reads a run, twice, and its usage is in the run's metrics", async (t) => {
  await using runs = createRuns({ format: openaiChat(), formats: [text()] })
  const go = Promise.withResolvers<void>()
  const client = await serving(t, runs, await provider(t, go.promise))
  const read = async (): Promise<string> => {
    let said = ""
    for await (const { choices, usage: counted } of await client.chat.completions.create(ask)) {
      said += choices[0]?.delta.content ?? (counted ? ` ${counted.completion_tokens}` : "")
    }
    return said
  }
  const one = read()
  const two = read()
  go.resolve()
  assert.deepEqual(
    [await one, await two, await read()],
    ["Once upon a time 4", "Once upon a time 4", "Once upon a time 4"],
  )
  const { status, usage: counted, metrics } = await runs.status("a")
  assert.deepEqual(
    [status, counted, metrics?.tokens, metrics?.counted],
    ["completed", { input: 3, output: 4 }, 4, "usage"],
  )
})

for (const [how, end] of [
  ["stopped", (runs: Runs) => runs.stop("a")],
  ["cut upstream", undefined],
] as const) {
  test(`a run that is ${how} is an error to OpenAI's own client, and never looks complete`, async (t) => {
    await using runs = createRuns({ format: openaiChat(), onError: () => {} })
    const go = Promise.withResolvers<void>()
    const client = await serving(t, runs, await provider(t, go.promise, true))
    let said = ""
    await assert.rejects(async () => {
      for await (const { choices } of await client.chat.completions.create(ask)) {
        said += choices[0]?.delta.content ?? ""
        assert.equal(choices[0]?.finish_reason ?? null, null)
        if (said !== "Once upon ") continue
        if (end) await end(runs)
        else go.resolve()
      }
    }, OpenAI.APIError)
    assert.equal(said, "Once upon ")
  })
}
