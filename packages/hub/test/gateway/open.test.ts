import assert from "node:assert/strict"
import type { IncomingMessage } from "node:http"
import { Readable } from "node:stream"
import { test } from "node:test"
import { gzipSync } from "node:zlib"
import { openaiChat } from "onward/runs"
import { openAnswer } from "../../src/gateway/open.ts"

interface Given {
  readonly status?: number
  readonly type?: string
  readonly coding?: string
}

/** A provider's response with this body. */
function answerOf(body: Readable, { status = 200, type, coding }: Given = {}): IncomingMessage {
  const headers = {
    ...(type !== undefined && { "content-type": type }),
    ...(coding !== undefined && { "content-encoding": coding }),
  }
  return Object.assign(body, { statusCode: status, headers }) as unknown as IncomingMessage
}

const OPTIONS = { format: openaiChat(), firstTimeout: 1_000, idleTimeout: 1_000, maxBytes: 10_000 }

/** `other`, the number of frames, or the code of the error that ends them. */
async function opened(body: string | Buffer | Readable, given?: Given): Promise<string | number> {
  const answer = answerOf(body instanceof Readable ? body : Readable.from([Buffer.from(body as string)]), given)
  // what has arrived can be read at once
  await new Promise((resolve) => void setImmediate(resolve))
  const result = await openAnswer(answer, OPTIONS)
  if (result.type === "other") return "other"
  let count = 0
  try {
    for await (const _ of result.frames) count++
    return count
  } catch (error) {
    return (error as { code: string }).code
  }
}

const FRAMES = 'data: {"id":"a","choices":[]}\n\ndata: [DONE]\n\n'

test("a response is a stream by its type or its first bytes, and JSON is passed on", async () => {
  const stream = "Text/Event-Stream; charset=utf-8"
  for (const [body, given, expected] of [
    [FRAMES, { type: stream }, 2],
    [FRAMES, {}, 2],
    [`\ufeff \n${FRAMES}`, { type: "text/plain" }, 2],
    [`: comment\n\n${FRAMES}`, { type: "text/html" }, 2],
    [`event: a\n${FRAMES}`, {}, 2],
    [gzipSync(FRAMES), { type: stream, coding: "gzip" }, 2],
    ['{"error":{}}', { type: stream }, "other"],
    ["[1]", { type: "text/plain" }, "other"],
    [' {"id":"a"}', {}, "other"],
    ["text", { type: "application/json" }, "other"],
    [FRAMES, { status: 199 }, "other"],
    [FRAMES, { status: 204, type: stream }, "other"],
    [FRAMES, { status: 300, type: stream }, "other"],
    [FRAMES, { status: 299, type: stream }, 2],
    ["<html>", { type: "text/html" }, "bad_content_type"],
    ["database: none", {}, "bad_content_type"],
    ["text", {}, "bad_content_type"],
    [FRAMES, { type: stream, coding: "unknown" }, "bad_content_type"],
  ] as const) {
    assert.equal(await opened(body, given), expected, JSON.stringify([String(body).slice(0, 20), given]))
  }
})

test("a response that is cut before it shows what it is ends as a stream that is cut", async () => {
  const destroyed = new Readable({ read() {} })
  destroyed.destroy()
  assert.equal(await opened(destroyed), "stream_ended")
  const failed = new Readable({ read() {} })
  failed.on("error", () => {})
  failed.destroy(new Error("reset"))
  assert.equal(await opened(failed), "stream_ended")
  const late = new Readable({ read() {} })
  setTimeout(() => late.destroy(), 5)
  assert.equal(await opened(late), "stream_ended")
  const empty = Readable.from([])
  assert.equal(await opened(empty), "bad_content_type")
})
