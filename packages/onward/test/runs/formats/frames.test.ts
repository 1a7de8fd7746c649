import assert from "node:assert/strict"
import { test } from "node:test"
import type { Format, Part } from "../../../src/runs/format.ts"
import { hasInexactNumber } from "../../../src/runs/formats/json.ts"
import { agUi, aiSdk, anthropic, openaiChat, openaiResponses, text } from "../../../src/runs/index.ts"

/** The parts of frames, read by a new reader, and whether the response is then complete. */
function read<F>(format: Format<F>, ...frames: readonly F[]): { readonly parts: Part[]; readonly isComplete: boolean } {
  const reader = format.reader()
  return { parts: frames.flatMap((frame) => reader.take(frame)), isComplete: reader.isComplete }
}

test("empty pieces of text are no parts", () => {
  const block = (delta: object): object => ({ type: "content_block_delta", index: 0, delta })
  const empty = [
    [agUi(), ["TEXT_MESSAGE_CONTENT", "TEXT_MESSAGE_CHUNK", "REASONING_MESSAGE_CONTENT", "REASONING_MESSAGE_CHUNK"]],
    [agUi(), ["TOOL_CALL_ARGS", "TOOL_CALL_CHUNK"]],
    [aiSdk(), ["text-delta", "reasoning-delta", "tool-input-delta"]],
    [openaiResponses(), ["response.output_text.delta", "response.reasoning_text.delta", "response.refusal.delta"]],
    [openaiResponses(), ["response.reasoning_summary_text.delta", "response.function_call_arguments.delta"]],
  ] as const
  for (const [format, types] of empty) {
    for (const type of types) assert.deepEqual(read(format, { type, delta: "", inputTextDelta: "" }).parts, [], type)
  }
  for (const delta of [
    { type: "text_delta", text: "" },
    { type: "thinking_delta", thinking: "" },
    { type: "input_json_delta", partial_json: "" },
    { type: "signature_delta", signature: "Eq" },
  ]) {
    assert.deepEqual(read(anthropic(), block(delta)).parts, [], delta.type)
  }
})

test("only deltas are merged, and only with the same kind of delta", () => {
  const pairs = [
    [agUi(), { type: "STATE_DELTA", delta: "a" }],
    [aiSdk(), { type: "data-a", delta: "a" }],
    [openaiResponses(), { type: "response.audio.delta", delta: "a" }],
    [anthropic(), { type: "content_block_start", index: 0, delta: { type: "text_delta", text: "a" } }],
    [anthropic(), { type: "content_block_delta", index: 0, delta: { type: "citations_delta", citation: "a" } }],
  ] as const
  for (const [format, frame] of pairs) assert.equal(format.merge(frame, frame), undefined, JSON.stringify(frame))
  const text = { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "a" } }
  assert.equal(anthropic().merge(text, { ...text, index: 1 }), undefined)
  assert.equal(anthropic().merge({ type: "content_block_delta", index: 0 }, text), undefined)
  for (const format of [aiSdk(), openaiChat()]) {
    const delta = { type: "text-delta", id: "1", delta: "a", choices: [{ delta: { content: "a" } }] }
    assert.ok(format.merge(delta, delta))
    assert.equal(format.merge("[DONE]", delta), undefined)
    assert.equal(format.merge(delta, "[DONE]"), undefined)
    assert.deepEqual(read(format, "[DONE]").parts, [])
  }
})

test("an AG-UI call in chunks ends with the next event, and its name can come once", () => {
  const chunk = (more: object): object => ({ type: "TOOL_CALL_CHUNK", ...more })
  const start = (id: string, name: string): Part => ({ type: "tool-start", id, name })
  const { parts } = read(
    agUi(),
    chunk({ delta: "before any call" }),
    chunk({ toolCallId: "a", toolCallName: "pay" }),
    chunk({ toolCallId: "a", delta: "{" }),
    chunk({ delta: "}" }),
    chunk({ toolCallId: "b", toolCallName: "ask", delta: "{}" }),
    { type: "STEP_FINISHED" },
    { type: "STEP_FINISHED" },
  )
  assert.deepEqual(parts, [
    start("a", "pay"),
    { type: "tool-input", id: "a", delta: "{" },
    { type: "tool-input", id: "a", delta: "}" },
    { type: "tool-end", id: "a" },
    start("b", "ask"),
    { type: "tool-input", id: "b", delta: "{}" },
    { type: "tool-end", id: "b" },
  ])
})

test("an AG-UI stream can have several runs, whose usage is added, and a cancelled one is stopped", () => {
  const finished = (more: object): object => ({ type: "RUN_FINISHED", ...more })
  const started = { type: "RUN_STARTED" }
  assert.equal(agUi().isSequence, true)
  assert.equal(read(agUi(), started, finished({}), started).isComplete, false)
  const usage = [{ inputTokens: 1 }, { outputTokens: 2 }, "other"]
  const { parts, isComplete } = read(
    agUi(),
    finished({ usage }),
    finished({ usage: [{ inputTokens: 4, outputTokens: 5 }] }),
  )
  assert.deepEqual(parts, [
    { type: "usage", usage: { input: 1, output: 2 } },
    ...COMPLETED,
    { type: "usage", usage: { input: 5, output: 7 } },
    ...COMPLETED,
  ])
  assert.equal(isComplete, true)
  assert.deepEqual(read(agUi(), finished({ outcome: { type: "cancelled" } })).parts, [
    { type: "end", ending: { status: "stopped" } },
  ])
  assert.deepEqual(read(agUi(), finished({ outcome: { type: "success" }, usage: [] })).parts, COMPLETED)
})

const COMPLETED: readonly Part[] = [
  { type: "finish", reason: "stop" },
  { type: "end", ending: { status: "completed" } },
]

test("a UI message ends with its finish, its abort or its error, and a reset step is not closed", () => {
  const [open, reset] = [{ type: "text-start", id: "1" }, { type: "reset-step" }]
  const ends = (...frames: readonly object[]): unknown => {
    const reader = aiSdk().reader()
    for (const frame of frames) reader.take(frame)
    return [reader.isComplete, reader.end({ status: "completed" }).length]
  }
  assert.deepEqual(ends(open), [false, 2])
  assert.deepEqual(ends(open, reset), [false, 1])
  assert.deepEqual(ends({ type: "finish" }), [true, 1])
  assert.deepEqual(ends({ type: "abort" }), [true, 0])
  assert.deepEqual(ends({ type: "error", errorText: "x" }), [true, 0])
  const reasonOf = (finishReason: unknown): unknown => read(aiSdk(), { type: "finish", finishReason }).parts
  for (const [given, reason] of [
    [undefined, "stop"],
    ["stop", "stop"],
    ["length", "length"],
    ["tool-calls", "tool-calls"],
    ["content-filter", "content-filter"],
    ["error", "other"],
    [7, "other"],
  ] as const) {
    assert.deepEqual(reasonOf(given), [{ type: "finish", reason }], String(given))
  }
})

test("a UI message's call has its input once, in pieces or as a whole", () => {
  const start = { type: "tool-input-start", toolCallId: "a", toolName: "pay" }
  const piece = { type: "tool-input-delta", toolCallId: "a", inputTextDelta: '{"n":1}' }
  const whole = { type: "tool-input-available", toolCallId: "a", toolName: "pay" }
  const called = (input: string): Part[] => [
    { type: "tool-start", id: "a", name: "pay" },
    { type: "tool-input", id: "a", delta: input },
    { type: "tool-end", id: "a" },
  ]
  assert.deepEqual(read(aiSdk(), start, piece, { ...whole, input: { n: 1 } }).parts, called('{"n":1}'))
  const empty = { ...piece, inputTextDelta: "" }
  assert.deepEqual(read(aiSdk(), start, empty, { ...whole, input: { n: 2 } }).parts, called('{"n":2}'))
  assert.deepEqual(read(aiSdk(), whole).parts, called("{}"))
})

test("an Anthropic message can have text in a block's start, and no usage or reason", () => {
  const block = (content_block: object): object => ({ type: "content_block_start", index: 0, content_block })
  const input = { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: "{}" } }
  assert.deepEqual(read(anthropic(), block({ type: "text", text: "a" })).parts, [{ type: "text", delta: "a" }])
  assert.deepEqual(read(anthropic(), block({ type: "text", text: "" })).parts, [])
  assert.deepEqual(read(anthropic(), block({ type: "web_search_tool_result", text: "a" })).parts, [])
  assert.deepEqual(read(anthropic(), block({ type: "server_tool_use", id: "a" }), input).parts, [])
  assert.deepEqual(read(anthropic(), input).parts, [])
  assert.deepEqual(read(anthropic(), { type: "message_start", message: { model: "m" } }).parts, [
    { type: "start", model: "m" },
  ])
  assert.deepEqual(read(anthropic(), { type: "message_start" }).parts, [{ type: "start" }])
  const delta = (stop_reason: unknown): object => ({ type: "message_delta", delta: { stop_reason } })
  for (const none of [undefined, null]) assert.deepEqual(read(anthropic(), delta(none)).parts, [])
  for (const [given, reason] of [
    ["end_turn", "stop"],
    ["stop_sequence", "stop"],
    ["max_tokens", "length"],
    ["tool_use", "tool-calls"],
    ["refusal", "content-filter"],
    ["pause_turn", "other"],
  ] as const) {
    assert.deepEqual(read(anthropic(), delta(given)).parts, [{ type: "finish", reason }])
  }
  for (const ping of [{ event: "ping", data: "" }, { data: '{"type":"ping"}' }]) {
    assert.equal(anthropic().decode(ping), undefined)
  }
})

test("numbers that JavaScript would write with other digits stay as they were", () => {
  for (const number of [
    "1.10",
    "-0",
    "1e5",
    "2E-7",
    "1.0",
    "12345678901234567890",
    "0.12345678901234567890",
    "100.0",
  ]) {
    for (const data of [
      `{"n":${number}}`,
      `{"n":[1,${number}]}`,
      `{"a":"\\"","n": ${number} ,"b":"x"}`,
      `{"\\\\":${number}}`,
    ]) {
      assert.equal(hasInexactNumber(data), true, data)
      for (const format of [openaiChat(), openaiResponses(), anthropic(), aiSdk(), agUi()]) {
        assert.equal(format.encode(format.decode({ data }) as object).data, data)
      }
    }
  }
  for (const data of [
    '{"n":1}',
    '{"n":-1,"m":0}',
    '{"n":[10,1.5,1000000]}',
    '{"n":9007199254740991}',
    // only text looks like one
    '{"a":"x,1.10,"}',
    '{"a":": 1e5","b":1}',
    '{"a":"\\",1.10,","b":1}',
    '{"a":"\\\\","b":"[1.0]"}',
    '{",1.0,":1}',
    '{"a":",-0,',
  ]) {
    assert.equal(hasInexactNumber(data), false, data)
  }
  const format = aiSdk()
  const delta = (n: string) => format.decode({ data: `{"type":"text-delta","id":"1","n":${n},"delta":"a"}` }) as object
  assert.ok(format.merge(delta("1"), delta("1")))
  for (const [a, b] of [
    ["1.0", "1"],
    ["1", "1.0"],
    ["1.0", "1.0"],
  ] as const) {
    assert.equal(format.merge(delta(a), delta(b)), undefined)
  }
})

test("an event keeps the name with which it was read, also when it is merged", () => {
  const chunk = '{"choices":[{"delta":{"content":"a"}}]}'
  const format = openaiChat()
  const [plain, named] = [format.decode({ data: chunk }), format.decode({ data: chunk, event: "chunk" })]
  assert.ok(plain && named)
  assert.deepEqual(format.encode(plain), { data: chunk })
  assert.deepEqual(format.encode(named), { data: chunk, event: "chunk" })
  assert.equal(format.merge(plain, named), undefined)
  assert.equal(format.merge(named, plain), undefined)
  const both = format.merge(named, named)
  assert.equal(both && format.encode(both).event, "chunk")
  const again = both && format.merge(both, named)
  assert.equal(again && format.encode(again).event, "chunk")
  // the name that the format writes itself
  const own = openaiResponses().decode({ data: '{"type":"x"}', event: "x" })
  assert.deepEqual(own && openaiResponses().encode(own), { data: '{"type":"x"}', event: "x" })
  const inexact = format.decode({ data: '{"n":1.0}', event: "x" })
  assert.deepEqual(inexact && format.encode(inexact), { data: '{"n":1.0}', event: "x" })
})

test("members with lists or objects must be equal for a merge, and null is not an object", () => {
  const delta = (more: object): object => ({ type: "text-delta", id: "1", delta: "a", ...more })
  const merges = (a: object, b: object): boolean => aiSdk().merge(delta(a), delta(b)) !== undefined
  assert.equal(merges({ x: { y: [1] } }, { x: { y: [1] } }), true)
  assert.equal(merges({ x: { y: [1] } }, { x: { y: [2] } }), false)
  assert.equal(merges({ x: Number.NaN }, { x: null }), false)
  assert.equal(merges({ x: null }, { x: Number.NaN }), false)
  assert.equal(merges({ x: 1 }, {}), false)
  assert.equal(merges({}, { x: 1 }), false)
  assert.equal(merges({ x: 1 }, { y: 1 }), false)
  assert.equal(merges({ delta: 1 }, {}), false)
  assert.equal(merges({}, { delta: 1 }), false)
})

test("plain text has no empty frames, and one event: its end", () => {
  const format = text()
  assert.equal(format.endsWithSource, true)
  assert.equal(format.decode({ data: "" }), undefined)
  assert.equal(format.decode({ event: "ping", data: "a" }), undefined)
  assert.deepEqual(read(format, "").parts, [])
  const end = (data: string): unknown => format.decode({ event: "end", data })
  assert.deepEqual(end('{"status":"completed"}'), { status: "completed" })
  assert.deepEqual(end('{"status":"lost","error":{"code":"a","message":7}}'), {
    status: "lost",
    error: { code: "a", message: "" },
  })
  for (const wrong of ["", "{}", '{"status":"running"}', "null"])
    assert.throws(() => end(wrong), { code: "source_failed" })
})
