import assert from "node:assert/strict"
import { test } from "node:test"
import { agUi, aiSdk, anthropic, openaiChat, openaiResponses, text } from "../../../src/runs/index.ts"
import { sequenceOf } from "../../../src/runs/formats/openai-responses.ts"
import { bodyOf, cases, ended, framesOf, merge } from "./cases.ts"
import { readAgUi } from "./read-ag-ui.ts"
import { readAiSdk } from "./read-ai-sdk.ts"
import { readAnthropic } from "./read-anthropic.ts"
import { readOpenaiChat, readOpenaiResponses } from "./read-openai.ts"

const json = (value: object): { data: string } => ({ data: JSON.stringify(value) })

test("padding is dropped, and pings and terminators have no content", () => {
  for (const format of [openaiChat(), openaiResponses()]) {
    assert.deepEqual(format.decode(json({ type: "x", obfuscation: "k3Q" })), { type: "x" })
    assert.equal(format.decode({ data: "[DONE]" }), undefined)
  }
  assert.equal(aiSdk().decode({ data: "[DONE]" }), undefined)
  assert.equal(anthropic().decode({ event: "ping", data: '{"type":"ping"}' }), undefined)
})

test("unknown frames pass through unchanged", () => {
  for (const { format } of cases) {
    if (format.name === "text") continue
    const frame = { type: "x.unheard_of", nested: { list: [1, null] } }
    const event = format.encode(frame)
    assert.deepEqual(format.decode(event), frame)
    const follower = format.reader()
    follower.take(frame)
    assert.equal(follower.isComplete, false)
    assert.equal(format.merge(frame, frame), undefined)
  }
})

test("a source of another format is told apart from a response", () => {
  for (const { format } of cases) {
    if (format.name === "text") continue
    for (const data of ["<html>", "[1]", "null", '"text"']) {
      assert.throws(() => format.decode({ data }), { code: "source_failed" }, `${format.name}: ${data}`)
    }
  }
})

test("a signature stays complete", () => {
  const signed = { type: "content_block_delta", index: 0, delta: { type: "signature_delta", signature: "Eq" } }
  assert.equal(anthropic().merge(signed, signed), undefined)
})

test("deltas of two texts stay separate", () => {
  const chunk = (index: number): object => ({ choices: [{ index, delta: { content: "a" }, finish_reason: null }] })
  assert.equal(openaiChat().merge(chunk(0), chunk(1)), undefined)
  const delta = (id: string): object => ({ type: "text-delta", id, delta: "a" })
  assert.equal(aiSdk().merge(delta("1"), delta("2")), undefined)
  assert.deepEqual(aiSdk().merge(delta("1"), delta("1")), { type: "text-delta", id: "1", delta: "aa" })
  const content = (messageId: string): object => ({ type: "TEXT_MESSAGE_CONTENT", messageId, delta: "a" })
  assert.equal(agUi().merge(content("1"), content("2")), undefined)
})

test("the end of a choice is not merged with its text", () => {
  const chunk = (content: string, finish: string | null): object => ({
    choices: [{ index: 0, delta: { content }, finish_reason: finish }],
  })
  assert.equal(openaiChat().merge(chunk("a", null), chunk("b", "stop")), undefined)
  assert.equal(openaiChat().merge(chunk("a", "stop"), chunk("b", null)), undefined)
})

test("a choice with an empty reason is not finished", () => {
  const follower = openaiChat().reader()
  follower.take({ choices: [{ index: 0, delta: { content: "a" }, finish_reason: "" }] })
  assert.equal(follower.isComplete, false)
  follower.take({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] })
  assert.equal(follower.isComplete, true)
})

test("numbers of a response only grow, merged or cut early", () => {
  const format = openaiResponses()
  const frames = framesOf(format, "openai-responses-text")
  for (let length = 1; length <= frames.length; length++) {
    const merged = merge(format, frames.slice(0, length), () => true)
    const follower = format.reader()
    for (const frame of merged) follower.take(frame as object)
    const numbers = [...merged, ...follower.end({ status: "lost" })].map((frame) => sequenceOf(frame) ?? Number.NaN)
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((a, b) => a - b),
    )
    // who has had a merged frame has had all that is in it
    assert.equal(sequenceOf(merged.at(-1)), sequenceOf(frames[length - 1]))
  }
})

test("a provider's own error ends a response with the provider's message", () => {
  const ends: [
    follower: { take(frame: never): unknown[]; isComplete: boolean; end(e: { status: "failed" }): unknown[] },
    frame: object,
  ][] = [
    [openaiChat().reader(), { error: { message: "Overloaded", type: "server_error", code: "overloaded" } }],
    [openaiResponses().reader(), { type: "error", code: "overloaded", message: "Overloaded", sequence_number: 3 }],
    [anthropic().reader(), { type: "error", error: { type: "overloaded", message: "Overloaded" } }],
    [agUi().reader(), { type: "RUN_ERROR", code: "overloaded", message: "Overloaded" }],
  ]
  for (const [follower, frame] of ends) {
    const error = { code: "overloaded", message: "Overloaded" }
    assert.deepEqual(follower.take(frame as never), [{ type: "end", ending: { status: "failed", error } }])
    assert.equal(follower.isComplete, true)
    assert.deepEqual(follower.end({ status: "failed" }), [], "it is told once")
  }
})

test("a response that a provider did not finish does not look complete, even if its source returns", async () => {
  const all = [
    [openaiChat(), readOpenaiChat, "openai-chat-text", 5],
    [openaiResponses(), readOpenaiResponses, "openai-responses-text", 20],
    [anthropic(), readAnthropic, "anthropic-text", 8],
    [aiSdk(), readAiSdk, "ai-sdk-text", 8],
    [agUi(), readAgUi, "ag-ui-text", 8],
  ] as const
  for (const [format, read, fixture, length] of all) {
    const frames = framesOf(format, fixture).slice(0, length)
    assert.equal((await read(ended(format, frames, { status: "completed" }))).isComplete, false, format.name)
  }
})

test("a call that is cut off is never reported as complete", () => {
  const call = [
    { type: "response.created", response: { id: "resp_1", status: "in_progress", output: [] }, sequence_number: 0 },
    {
      type: "response.output_item.added",
      output_index: 0,
      item: { id: "fc_1", type: "function_call", call_id: "c", name: "pay", arguments: "", status: "in_progress" },
      sequence_number: 1,
    },
    {
      type: "response.function_call_arguments.delta",
      output_index: 0,
      item_id: "fc_1",
      delta: '{"to":',
      sequence_number: 2,
    },
  ]
  const body = ended(openaiResponses(), call, { status: "failed" })
  assert.doesNotMatch(body, /output_item\.done|arguments\.done/)
  assert.match(body, /"arguments":"\{\\"to\\":","status":"incomplete"/)
})

test("line ends of plain text become one kind", () => {
  assert.deepEqual(text().encode("a\r\nb\rc"), { data: "a\nb\nc" })
})

test("a late viewer receives few frames of every provider's stream: one for each kind of content, and the last ones", () => {
  const most = {
    "openai-chat-text": 4,
    // reasoning, content, the end, and its usage
    "openai-chat-deepseek": 3,
    "openai-chat-ollama": 5,
    "openai-chat-qwen": 5,
    "openai-chat-vllm": 4,
  }
  for (const [fixture, count] of Object.entries(most)) {
    const format = openaiChat()
    const frames = framesOf(format, fixture)
    const merged = merge(format, frames, () => true)
    assert.ok(merged.length <= count, `${fixture}: ${merged.length} of ${frames.length} frames`)
    // however long it is: a thousand tokens more make no frame more
    const at = frames.findIndex((frame) => format.merge(frame as object, frame as object) !== undefined)
    const long = frames.toSpliced(at, 0, ...Array.from({ length: 1_000 }, () => frames[at]))
    assert.equal(merge(format, long, () => true).length, merged.length, fixture)
  }
})

const words = Array.from({ length: 500 }, (_, n) => `${n} `)

/** Chunks whose deltas repeat their text, as some providers send them. */
const repeating: Readonly<Record<string, readonly object[]>> = {
  Together: [...words, ""].map((content, n) => ({
    ...{ id: "c", object: "chat.completion.chunk", created: 1, model: "m", usage: null },
    choices: [
      {
        ...{ index: 0, text: content, logprobs: null, finish_reason: content === "" ? "stop" : null },
        delta: { token_id: n, role: "assistant", content, tool_calls: null },
      },
    ],
  })),
  Perplexity: [...words, ""].map((content, n) => ({
    ...{ id: "c", object: "chat.completion.chunk", created: 1, model: "m", citations: ["https://a.example"] },
    usage: { prompt_tokens: 1, completion_tokens: n },
    choices: [
      {
        ...{ index: 0, finish_reason: content === "" ? "stop" : null },
        message: { role: "assistant", content: words.slice(0, n + 1).join("") },
        delta: { role: "assistant", content },
      },
    ],
  })),
  OpenRouter: [...words, ""].map((text) => ({
    ...{ id: "c", provider: "p", object: "chat.completion.chunk", created: 1, model: "m" },
    choices: [
      {
        ...{ index: 0, finish_reason: text === "" ? "stop" : null, native_finish_reason: text === "" ? "stop" : null },
        delta:
          text === ""
            ? { role: "assistant", content: "" }
            : {
                ...{ role: "assistant", content: "", reasoning: text },
                reasoning_details: [{ type: "reasoning.text", text, format: "unknown", index: 0 }],
              },
      },
    ],
  })),
}

for (const [provider, chunks] of Object.entries(repeating)) {
  test(`chunks of ${provider} that repeat their text are merged, and the official client reads the same`, async () => {
    const format = openaiChat()
    const all = merge(format, chunks, () => true)
    assert.ok(all.length <= 3, `${all.length} frames`)
    const whole = { status: "completed" as const }
    assert.deepEqual(
      await readOpenaiChat(bodyOf(format, [...all, ...endOf(all)])),
      await readOpenaiChat(bodyOf(format, [...chunks, ...endOf(chunks)])),
    )
    const { choices } = all[0] as { choices: { text?: string; message?: object; delta: Record<string, unknown> }[] }
    const text = words.join("")
    const [{ text: piece = text, message, delta } = { delta: {} }] = choices
    assert.equal(piece, text)
    assert.equal(delta["reasoning"] ?? delta["content"], text)
    if (message) assert.deepEqual(message, { role: "assistant", content: text })
    for (const detail of (delta["reasoning_details"] ?? []) as { text: string }[]) assert.equal(detail.text, text)

    function endOf(frames: readonly unknown[]): unknown[] {
      const reader = format.reader()
      for (const frame of frames) reader.take(frame as object)
      return reader.end(whole)
    }
  })
}

test("chunks whose repeated text differs from their delta are not merged", () => {
  const chunk = (choice: object): object => ({ id: "c", choices: [{ index: 0, delta: { content: "a" }, ...choice }] })
  const detail = (more: object): object =>
    chunk({ delta: { reasoning: "a", reasoning_details: [{ type: "reasoning.text", text: "a", index: 0, ...more }] } })
  for (const [a, b] of [
    [chunk({ text: "a" }), chunk({ text: "b" })],
    [chunk({ text: "a" }), chunk({})],
    [chunk({ message: { content: "a" } }), chunk({ message: { content: "a" } })],
    [chunk({ message: { content: "a" } }), chunk({})],
    [detail({}), detail({ index: 1 })],
    [detail({}), detail({ signature: "s" })],
    [detail({}), detail({ text: undefined, data: "x" })],
  ]) {
    assert.equal(merge(openaiChat(), [a, b], () => true).length, 2, JSON.stringify(b))
  }
})

test("padding of Mistral's and timings of llama.cpp's chunks do not keep them apart", () => {
  const chunk = (content: string, more: object): object => ({
    id: "c",
    model: "m",
    ...more,
    choices: [{ index: 0, delta: { content }, finish_reason: null }],
  })
  const changing = [
    { p: "abc" },
    { p: "abcdefg" },
    { timings: { predicted_n: 1 } },
    { timings: { predicted_n: 2 } },
    {},
  ]
  const chunks = changing.map((more, at) => chunk(`${at}`, more))
  const merged = merge(openaiChat(), chunks, () => true)
  assert.deepEqual(merged, [chunk("01234", {})])
  // another member that differs may matter
  assert.equal(merge(openaiChat(), [chunk("a", { x: 1 }), chunk("b", { x: 2 })], () => true).length, 2)
})
