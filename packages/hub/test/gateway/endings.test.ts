import assert from "node:assert/strict"
import { test } from "node:test"
import { testServer } from "../server.ts"
import { rawUpstream } from "./raw-upstream.ts"

const chunk = (content: string, reason: string | null): string =>
  `data: ${JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta: { content }, finish_reason: reason }] })}\n\n`

const withOneReason = chunk("Once", null) + chunk(" upon", null) + chunk("", "stop")
const withReasons = chunk("Once", "stop") + chunk(" upon", "stop") + chunk("", "stop")
const DONE = "data: [DONE]\n\n"

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
const chunked = (text: string): string =>
  `${HEAD}transfer-encoding: chunked\r\n\r\n${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

/** How a provider's answer ends, and whether the client's then looks complete. */
const endings: readonly (readonly [how: string, answer: string, isComplete: boolean])[] = [
  ["a reason in the last chunk, and the end of the body", `${chunked(withOneReason)}0\r\n\r\n`, true],
  ["a reason in the last chunk, and a cut", chunked(withOneReason), false],
  ["a reason in each chunk, and the end of the body", `${chunked(withReasons)}0\r\n\r\n`, false],
  ["a reason in each chunk, and a cut", chunked(withReasons), false],
  ["a reason in each chunk, and a body whose end is that of its connection", `${HEAD}\r\n${withReasons}`, false],
  ["a reason in each chunk, [DONE], and the end of the body", `${chunked(withReasons + DONE)}0\r\n\r\n`, true],
  ["a reason in each chunk, [DONE], and a cut", chunked(withReasons + DONE), true],
]

for (const [how, answer, isComplete] of endings) {
  test(`a chat with ${how} looks ${isComplete ? "complete" : "incomplete"}`, async (t) => {
    const upstream = await rawUpstream(t, {
      answer(_request, socket) {
        socket.end(answer)
        return undefined
      },
    })
    const server = await testServer(t, { upstream: { url: upstream.url } })
    const asked = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", body: '{"stream":true}' })
    const text = await asked.text()
    assert.match(text, /Once[^]* upon/)
    assert.equal(text.includes(DONE), isComplete, text)
    assert.equal(text.includes('"code":"stream_ended"'), !isComplete, text)
  })
}
