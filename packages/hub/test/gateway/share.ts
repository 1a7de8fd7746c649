import assert from "node:assert/strict"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { TestContext } from "node:test"
import { parse } from "onward/protocol"
import OpenAI from "openai"
import { natsMissing, startNats } from "../../../onward/test/stores/nats.ts"
import { postgresMissing, startPostgres } from "../../../onward/test/stores/postgres.ts"
import { redisMissing, startRedis } from "../../../onward/test/stores/redis.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, writeResponse, type Provider } from "./provider.ts"

/** How often a request is repeated that gets 503: on a busy machine, a store can take longer than the timeout of its log. */
const RETRIES = 20

export const connect = (url: string): OpenAI =>
  new OpenAI({ apiKey: "ann's", baseURL: `${url}/v1`, maxRetries: RETRIES })

async function ask(url: string | URL, init: RequestInit): Promise<Response> {
  for (let tries = 0; ; tries++) {
    const answer = await fetch(url, init)
    if (answer.status !== 503 || tries === RETRIES) return answer
    await answer.body?.cancel()
    await sleep(100)
  }
}

/** A store that several gateways can share. */
export interface Engine {
  readonly name: string
  readonly missing?: string | undefined
  /** Starts it; resolves to what `--log` is given. */
  start(t: TestContext): Promise<string>
}

export const sqlite: Engine = { name: "SQLite", start: async (t) => `sqlite:${join(temporaryFolder(t), "hub.db")}` }
export const redis: Engine = {
  name: "Redis",
  missing: redisMissing,
  async start(t) {
    const server = await startRedis()
    t.after(() => server.close())
    return server.url
  },
}
export const postgres: Engine = {
  name: "PostgreSQL",
  missing: postgresMissing,
  async start(t) {
    const server = await startPostgres()
    t.after(() => server.close())
    return server.url
  },
}
export const nats: Engine = {
  name: "NATS",
  missing: natsMissing,
  async start(t) {
    const server = await startNats()
    t.after(() => server.close())
    return `nats://127.0.0.1:${server.port}`
  },
}

/** An image of so many bytes, as providers send it. */
const imageOf = (bytes: number): string => `data:image/png;base64,${"A".repeat(Math.ceil(bytes / 3) * 4)}`

/** What holds of any two gateways that share a log: one is asked for an answer, the other one resumes another, and stops it. */
export async function share(provider: Provider, asked: string, other: string): Promise<void> {
  // a response, resumed while it is written
  const asking = connect(asked).responses.create({ model: "m", input: "?", stream: true })
  const response = writeResponse((await provider.call()).res, "resp_1")
  response.begin()
  response.say("Once")
  let number = -1
  for await (const event of await asking) {
    number = event.sequence_number
    if (event.type === "response.output_text.delta") break
  }
  const rest = await connect(other).responses.retrieve("resp_1", { stream: true, starting_after: number })
  response.say(" upon")
  let text = ""
  for await (const event of rest) {
    if (event.type === "response.completed") break
    if (event.type !== "response.output_text.delta") continue
    text += event.delta
    if (text === " upon") response.say(" a time")
    if (text === " upon a time") response.finish()
  }
  assert.equal(text, " upon a time", "each word is there before the next one is said")

  // a chat, watched and stopped
  const { data, run, gone } = await begun(provider, asked)
  const watching = readAll(other, run)
  const headers = { authorization: "Bearer ann's" }
  const stopping = await ask(`${other}/v1/chat/completions/${run}`, { method: "DELETE", headers })
  assert.equal(((await stopping.json()) as { status: string }).status, "stopped")
  await assert.rejects(async () => {
    for await (const chunk of data) assert.equal(chunk.choices[0]?.delta.content ?? "", "")
  }, /The response was stopped/)
  await gone
  assert.match(await watching, /"content":"Once"[^]*"code":"run_stopped"/)
  const bobs = await ask(`${other}/v1/chat/completions/${run}`, { headers: { authorization: "Bearer bob's" } })
  assert.equal(bobs.status, 404, "to others it is unknown there too")

  // larger than a record of NATS may be
  await shareImage(provider, { asked, other, bytes: 2 * 1024 ** 2 })

  // none of it is anything that can be subscribed to
  const all = await ask(`${other}/events?topic=*&last_event_id=earliest`, {})
  await ask(`${asked}/publish`, { method: "POST", body: new URLSearchParams({ topic: "a", data: "published" }) })
  for await (const { event, data } of parse(all.body as ReadableStream<Uint8Array>)) {
    if (event === "stream.checkpoint") continue
    assert.equal(data, "published")
    break
  }
}

/** An image, which providers send in one event, is the same at both gateways. */
export async function shareImage(
  provider: Provider,
  { asked, other, bytes }: { readonly asked: string; readonly other: string; readonly bytes: number },
): Promise<void> {
  const headers = { authorization: "Bearer ann's" }
  const image = imageOf(bytes)
  const asksToDraw = ask(`${asked}/v1/chat/completions`, { method: "POST", headers, body: '{"stream":true}' })
  const drawing = await provider.call()
  begin(drawing.res)
  chat.say(drawing.res, { images: [{ type: "image_url", image_url: { url: image } }] })
  chat.finish(drawing.res)
  const drawn = await asksToDraw
  const again = await ask(new URL(drawn.headers.get("content-location") ?? "", other), { headers })
  for (const each of [drawn, again]) {
    const text = await each.text()
    // a message of an assertion would hold all of it
    assert.ok(text.includes(image))
    assert.ok(text.endsWith("data: [DONE]\n\n"), text.slice(-300))
  }
}

/** A chat of which the first word has come. */
export async function begun(provider: Provider, url: string) {
  const asking = connect(url).chat.completions.create({ model: "m", messages: [], stream: true }).withResponse()
  const { res, gone } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const { data, response } = await asking
  const iterator = data[Symbol.asyncIterator]()
  assert.equal((await iterator.next()).value?.choices[0]?.delta.content, "Once")
  return { data: { [Symbol.asyncIterator]: () => iterator }, run: response.headers.get("onward-run") ?? "", gone }
}

export async function readAll(url: string, run: string): Promise<string> {
  const answer = await ask(`${url}/v1/chat/completions/${run}`, { headers: { authorization: "Bearer ann's" } })
  assert.equal(answer.status, 200)
  return answer.text()
}
