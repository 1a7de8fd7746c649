import assert from "node:assert/strict"
import { test } from "node:test"
import OpenAI from "openai"
import { serveOnward } from "../onward.ts"
import { temporaryFolder } from "../temporary-folder.ts"
import { begin, chat, createProvider, writeResponse } from "./provider.ts"

test("after a gateway was killed and started again, what came is there, and is told to be all there is", async (t) => {
  const provider = await createProvider(t)
  const data = temporaryFolder(t)
  const args = ["--upstream", provider.url, "--no-demo"]
  const first = await serveOnward(t, { data, args })
  const connect = (url: string): OpenAI => new OpenAI({ apiKey: "ann's", baseURL: `${url}/v1`, maxRetries: 0 })

  const asking = connect(first.url).responses.create({ model: "m", input: "?", stream: true })
  const response = writeResponse((await provider.call()).res, "resp_1")
  response.begin()
  response.say("Once")
  let number = -1
  for await (const event of await asking) {
    number = event.sequence_number
    if (event.type === "response.output_text.delta") break
  }
  const chatting = connect(first.url).chat.completions.create({ model: "m", messages: [], stream: true }).withResponse()
  const { res } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const { data: chunks, response: head } = await chatting
  for await (const chunk of chunks) if (chunk.choices[0]?.delta.content) break
  first.child.kill("SIGKILL")
  await first.ended

  const second = await serveOnward(t, { data, args })
  const rest = await connect(second.url).responses.retrieve("resp_1", { stream: true, starting_after: number })
  const reading = (async () => {
    const events: OpenAI.Responses.ResponseStreamEvent[] = []
    for await (const event of rest) events.push(event)
    return events.at(-1)
  })()
  const run = head.headers.get("onward-run") ?? ""
  const answer = await fetch(`${second.url}/v1/chat/completions/${run}`, { headers: { authorization: "Bearer ann's" } })
  const text = await answer.text()
  assert.match(text, /"content":"Once"/)
  assert.match(text, /"code":"producer_lost"/)
  assert.doesNotMatch(text, /DONE|finish_reason":"/)

  const last = await reading
  assert.equal(last?.type, "response.failed")
  assert.match(JSON.stringify(last), /"text":"Once"[^]*producer_lost|producer_lost[^]*"text":"Once"/)
  assert.equal(provider.calls.length, 2, "nothing was asked again")
  assert.doesNotMatch(second.printed() + first.printed(), /ann's/)
})

test("whichever worker is asked, it knows the run, and may stop it", async (t) => {
  const provider = await createProvider(t)
  const args = ["--upstream", provider.url, "--workers", "2"]
  const { url } = await serveOnward(t, { data: temporaryFolder(t), args })
  // one connection a request, as connections are what is shared out
  const headers = { authorization: "Bearer ann's", connection: "close" }
  const asking = fetch(`${url}/v1/chat/completions`, { method: "POST", headers, body: '{"stream":true}' })
  const { res, gone } = await provider.call()
  begin(res)
  chat.say(res, { content: "Once" })
  const answer = await asking
  const run = `${url}/v1/chat/completions/${answer.headers.get("onward-run")}`
  const viewers = await Promise.all(Array.from({ length: 4 }, () => fetch(run, { headers })))
  const stopped = await fetch(run, { method: "DELETE", headers })
  assert.deepEqual(((await stopped.json()) as { status: string }).status, "stopped")
  for (const viewer of [answer, ...viewers]) {
    assert.equal(viewer.status, 200)
    assert.match(await viewer.text(), /"content":"Once"[^]*"code":"run_stopped"/)
  }
  await gone
})
