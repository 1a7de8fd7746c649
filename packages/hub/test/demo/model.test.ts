import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { askModel, modelFrom, type ModelError } from "../../src/demo/model.ts"

type Answer = (res: ServerResponse, req: IncomingMessage) => void

/** A server that speaks as OpenAI's does, up to a point; returns what asking it gives. */
async function asked(t: TestContext, answer: Answer, signal = AbortSignal.timeout(10_000)): Promise<string[]> {
  const server = createServer((req, res) => answer(res, req)).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  const env = { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1/`, OPENAI_MODEL: "small", OPENAI_API_KEY: "s3cret" }
  const pieces: string[] = []
  const options = modelFrom(env)
  assert.ok(options)
  for await (const piece of askModel(options, WHY, signal)) pieces.push(piece)
  return pieces
}

const WHY = [{ role: "user", content: "why?" }] as const

const chunk = (content: unknown): string => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`

test("a model is used when its server and its name are set", () => {
  assert.equal(modelFrom({}), undefined)
  assert.equal(modelFrom({ OPENAI_BASE_URL: "http://x/v1", OPENAI_MODEL: "" }), undefined)
  assert.equal(modelFrom({ OPENAI_MODEL: "m" }), undefined)
  assert.equal(modelFrom({ OPENAI_BASE_URL: "http://x/v1/", OPENAI_MODEL: "m" })?.baseUrl, "http://x/v1")
  assert.equal(modelFrom({ OPENAI_BASE_URL: "http://x/v1", MODEL: "m" })?.model, "m")
})

test("the request to the model follows OpenAI's protocol, and the response arrives in pieces", async (t) => {
  let seen: unknown
  const pieces = await asked(t, async (res, req) => {
    const body: unknown = JSON.parse(Buffer.concat(await req.toArray()).toString())
    seen = { method: req.method, url: req.url, authorization: req.headers.authorization, body }
    res.setHeader("content-type", "text/event-stream")
    const usage = 'data: {"choices":[],"usage":{}}\n\n'
    res.end(
      `: hi\n\n${chunk("Be")}${chunk("")}${chunk(null)}data: {"choices":[{"delta":{}}]}\n\n${usage}${chunk("cause.\n")}data: [DONE]\n\n${chunk("no")}`,
    )
  })
  assert.deepEqual(pieces, ["Be", "cause.\n"])
  assert.deepEqual(seen, {
    method: "POST",
    url: "/v1/chat/completions",
    authorization: "Bearer s3cret",
    body: { model: "small", stream: true, messages: [{ role: "user", content: "why?" }] },
  })
})

const failures: [name: string, code: ModelError["code"], answer: Answer][] = [
  ["a status", "model_refused", (res) => res.writeHead(401).end("the key s3cret is wrong")],
  ["a redirect", "model_unreachable", (res) => res.writeHead(302, { location: "http://127.0.0.1:1/s3cret" }).end()],
  ["what is no JSON", "model_garbled", (res) => res.end("data: s3cret\n\n")],
  ["an error in the stream", "model_refused", (res) => res.end('data: {"error":{"message":"s3cret"}}\n\n')],
  [
    "half an answer",
    "model_unreachable",
    (res) => {
      res.write(chunk("s3cret"))
      setTimeout(() => res.destroy(), 20)
    },
  ],
  ["an event without end", "model_unreachable", (res) => res.end(`data: ${"x".repeat(1_100_000)}`)],
]

for (const [name, code, answer] of failures) {
  test(`${name} is ${code}, in one sentence without the words of the server`, async (t) => {
    await assert.rejects(asked(t, answer), (error: ModelError) => {
      assert.equal(error.code, code)
      assert.match(error.message, /^[A-Z][^\n]{10,80}\.$/)
      assert.ok(!error.message.includes("s3cret"))
      return true
    })
  })
}

test("a server that cannot be reached is model_unreachable", async () => {
  const pieces = askModel(
    { baseUrl: "http://127.0.0.1:1/v1", model: "m", apiKey: undefined },
    WHY,
    AbortSignal.timeout(5_000),
  )
  await assert.rejects(pieces.next(), { code: "model_unreachable" })
})

test("a model that takes too long is model_too_slow", async (t) => {
  await assert.rejects(
    asked(t, (res) => res.write(": wait\n\n"), AbortSignal.timeout(50)),
    { code: "model_too_slow" },
  )
})
