import assert from "node:assert/strict"
import { test } from "node:test"
import { everyBlock } from "../../../onward/test/runs/every-block.ts"
import { begin, chat, writeResponse } from "./provider.ts"
import { QUESTION, start } from "./start.ts"

/** What OpenAI's Python SDK makes of a stream: JSON of each block, up to `[DONE]`. */
function eachOf(text: string): { readonly type?: string; readonly sequence_number?: number }[] {
  const blocks = everyBlock(text)
  const end = blocks.findIndex(({ data }) => data.startsWith("[DONE]"))
  return blocks.slice(0, end < 0 ? undefined : end).map(({ data }) => JSON.parse(data))
}

test("a client that parses the data of every block as JSON can read a response to its end, and each part of it", async (t) => {
  const { server } = await start(t, {
    answer({ res }) {
      const response = writeResponse(res, "resp_1")
      response.begin()
      for (const word of ["a", "b", "c"]) response.say(word)
      response.finish()
    },
  })
  const headers = { authorization: "Bearer ann's", "content-type": "application/json" }
  const body = JSON.stringify({ model: "m", input: "?", stream: true })
  const events = eachOf(await (await fetch(`${server.url}/v1/responses`, { method: "POST", headers, body })).text())
  assert.equal(events.at(-1)?.type, "response.completed")
  const last = events.at(-1)?.sequence_number ?? 0
  for (let after = -1; after <= last; after++) {
    const rest = await fetch(`${server.url}/v1/responses/resp_1?stream=true&starting_after=${after}`, { headers })
    assert.equal(eachOf(await rest.text()).at(-1)?.sequence_number, after === last ? undefined : last)
  }
})

test("a client that parses the data of every block as JSON can read a chat completion to its end", async (t) => {
  const { server } = await start(t, {
    answer({ res }) {
      begin(res)
      for (const word of ["a", "b", "c"]) chat.say(res, { content: word })
      chat.finish(res)
    },
  })
  const headers = { authorization: "Bearer ann's", "content-type": "application/json" }
  const response = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers,
    body: JSON.stringify(QUESTION),
  })
  const text = await response.text()
  assert.equal(everyBlock(text).at(-1)?.data, "[DONE]")
  assert.ok(eachOf(text).length > 1)
})
