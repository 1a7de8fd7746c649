import assert from "node:assert/strict"
import { test } from "node:test"
import { framesIn, openaiChat, openaiResponses, type Format } from "../../src/runs/index.ts"

const CHUNK = { id: "c", choices: [{ index: 0, delta: { content: "a" }, finish_reason: null }] }
const EVENT = `data: ${JSON.stringify(CHUNK)}\n\n`

/** Yields text as the pieces of a body, which ends after them, or is cut. */
async function* body(text: string, isCut = false): AsyncGenerator<Uint8Array> {
  for (const piece of text.match(/[^]{1,7}/g) ?? []) yield new TextEncoder().encode(piece)
  if (isCut) throw new Error("cut")
}

async function framesOf(format: Format<object | "[DONE]">, bytes: AsyncIterable<Uint8Array>, onSkip?: () => void) {
  const frames: unknown[] = []
  try {
    for await (const frame of framesIn(bytes, format, onSkip && { onSkip })) frames.push(frame)
  } catch (error) {
    frames.push((error as { code: string }).code)
  }
  return frames
}

const ENDS = [
  "data: [DONE]\n\n",
  "data:[DONE]\r\n\r\n",
  "data:  [DONE]\n\n",
  "data: [DONE] \n\n",
  "data: \t[DONE]\t\r\r",
  "event: done\ndata: [DONE]\n\n",
]

for (const end of ENDS) {
  test(`${JSON.stringify(end)} is the terminator of a chat, also before other bytes`, async () => {
    for (const more of ["", EVENT, "data: {", "\n\n: x\n\n"]) {
      for (const isCut of [false, true]) {
        const frames = await framesOf(openaiChat(), body(EVENT + end + more, isCut))
        assert.deepEqual(frames, [CHUNK, "[DONE]"])
      }
    }
  })
}

test("the last event of a body needs no empty line, and no line end", async () => {
  for (const lineEnd of ["", "\n", "\r\n"]) {
    for (const isCut of [false, true]) {
      assert.deepEqual(await framesOf(openaiChat(), body(`${EVENT}data: [DONE]${lineEnd}`, isCut)), [CHUNK, "[DONE]"])
      const completed = { type: "response.completed", response: {} }
      const frames = await framesOf(openaiResponses(), body(`data: ${JSON.stringify(completed)}${lineEnd}`, isCut))
      assert.deepEqual(frames, isCut ? [completed, "stream_ended"] : [completed])
    }
  }
})

test("an event that is cut is not a frame, and is not reported as one of another format", async () => {
  let skipped = 0
  const cut = `${EVENT}data: {"id":"c","choices":[{"index":0,"delta":{"content":"b`
  assert.deepEqual(await framesOf(openaiChat(), body(cut, true), () => skipped++), [CHUNK, "stream_ended"])
  assert.deepEqual(await framesOf(openaiChat(), body(cut), () => skipped++), [CHUNK])
  assert.equal(skipped, 0)
})

test("the first event that is not a frame is reported, and neither the others nor one that was cut", async () => {
  const skips: unknown[] = []
  const chat = openaiChat()
  const onSkip = (): void => void skips.push(1)
  await framesOf(chat, body(`data: {\n\n${EVENT}data: }\n\ndata: [DONE]\n\n`), onSkip)
  assert.equal(skips.length, 1)
  await framesOf(chat, body(`${EVENT}data: {"id"`, true), onSkip)
  assert.equal(skips.length, 1)
})

test("an incomplete response of OpenAI tells its reason", () => {
  const reasons = { max_output_tokens: "length", content_filter: "content-filter", something: "other" }
  for (const [reason, finish] of Object.entries(reasons)) {
    const format = openaiResponses()
    const response = { id: "r", status: "incomplete", incomplete_details: { reason }, output: [], usage: null }
    const frame = format.decode({ data: JSON.stringify({ type: "response.incomplete", response }) })
    const parts = format.reader?.().take(frame as never) ?? []
    const reported = parts.flatMap((part) => (part.type === "finish" ? [part.reason] : []))
    assert.deepEqual(reported, [finish])
  }
})
