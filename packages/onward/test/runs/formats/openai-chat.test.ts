import assert from "node:assert/strict"
import { test } from "node:test"
import type { Part } from "../../../src/runs/format.ts"
import { openaiChat } from "../../../src/runs/index.ts"

const chat = openaiChat()
const chunk = (delta: object, more?: object): object => ({ id: "c", choices: [{ index: 0, delta }], ...more })
/** The delta of two merged chunks; undefined when they stay apart. */
function mergedDelta(a: object, b: object): unknown {
  const both = chat.merge(chunk(a), chunk(b)) as { choices: { delta: unknown }[] } | undefined
  return both?.choices[0]?.delta
}

test("only a chunk with one unfinished choice is merged", () => {
  const choice = { index: 0, delta: { content: "a" } }
  const merges = (...choices: unknown[]): boolean =>
    chat.merge({ id: "c", choices }, { id: "c", choices }) !== undefined
  assert.equal(merges(choice), true)
  assert.equal(merges({ ...choice, finish_reason: null, logprobs: null }), true)
  assert.equal(merges(choice, choice), false)
  assert.equal(merges(choice, { ...choice, index: 1 }), false)
  assert.equal(merges(), false)
  assert.equal(merges(7), false)
  assert.equal(merges({ index: 0 }), false)
  assert.equal(merges({ index: 0, delta: "a" }), false)
  assert.equal(merges({ ...choice, finish_reason: "stop" }), false)
  assert.equal(merges({ ...choice, logprobs: { content: [] } }), false)
  assert.equal(chat.merge(chunk({ content: "a" }), chunk({ content: "b" }, { model: "m" })), undefined)
})

test("merged chunks keep the last count of tokens", () => {
  const usageOf = (a?: unknown, b?: unknown): unknown =>
    (chat.merge(chunk({ content: "a" }, { usage: a }), chunk({ content: "b" }, { usage: b })) as { usage?: unknown })
      .usage
  assert.equal(usageOf(), undefined)
  assert.deepEqual(usageOf({ n: 1 }), { n: 1 })
  assert.deepEqual(usageOf({ n: 1 }, null), { n: 1 })
  assert.deepEqual(usageOf({ n: 1 }, { n: 2 }), { n: 2 })
  assert.deepEqual(usageOf(null, { n: 2 }), { n: 2 })
})

test("deltas are merged when both only add to one text", () => {
  const cases: [a: object, b: object, both: object | undefined][] = [
    [{ content: "a" }, { content: "b" }, { content: "ab" }],
    [{ refusal: "a" }, { refusal: "b" }, { refusal: "ab" }],
    [{ reasoning: "a" }, { reasoning: "b" }, { reasoning: "ab" }],
    [{ reasoning_content: "a" }, { reasoning_content: "b" }, { reasoning_content: "ab" }],
    [{ content: "a" }, { refusal: "b" }, undefined],
    [{ content: "a", refusal: "b" }, { content: "a" }, undefined],
    [{ content: "a" }, { content: "a", refusal: "b" }, undefined],
    [{ content: "a", refusal: "b" }, {}, undefined],
    // the first chunk often has only a role, and the last one nothing
    [{ role: "assistant", content: "" }, { content: "a" }, { role: "assistant", content: "a" }],
    [
      { role: "assistant", content: "a" },
      { role: null, content: "b" },
      { role: "assistant", content: "ab" },
    ],
    [{ role: "assistant", content: "a" }, { role: "tool", content: "b" }, undefined],
    [{ content: "a" }, { content: "" }, { content: "a" }],
    [{ content: "a" }, { content: null, tool_calls: [] }, { content: "a", tool_calls: [] }],
    [{}, {}, {}],
    // other members may matter
    [{}, { audio: { id: "x" } }, undefined],
    [{ audio: "a" }, { audio: "a" }, undefined],
    [{ content: [{ type: "text" }] }, { content: [{ type: "text" }] }, undefined],
    [{ content: "a" }, { content: ["b"] }, undefined],
    [{ content: ["a"] }, { content: "b" }, undefined],
  ]
  for (const [a, b, both] of cases) assert.deepEqual(mergedDelta(a, b), both, JSON.stringify([a, b]))
})

test("details of reasoning are merged when each delta has one, of the same kind", () => {
  const text = (text: string): object => ({ type: "reasoning.text", text })
  const summary = (summary: string): object => ({ type: "reasoning.summary", summary })
  const of = (...reasoning_details: unknown[]): object => ({ reasoning: "a", reasoning_details })
  const detailsOf = (a: object, b: object): unknown =>
    (mergedDelta(a, b) as { reasoning_details: unknown } | undefined)?.reasoning_details
  assert.deepEqual(detailsOf(of(text("a")), of(text("b"))), [text("ab")])
  assert.deepEqual(detailsOf(of(summary("a")), of(summary("b"))), [summary("ab")])
  assert.deepEqual(detailsOf({ reasoning_details: [text("a")] }, {}), [text("a")])
  for (const [a, b] of [
    [of(text("a")), of(summary("a"))],
    [of(text("a"), text("b")), of(text("a"))],
    [of(text("a")), of(text("a"), text("b"))],
    [of(text("a"), text("b")), of(text("a"), text("b"))],
    [of(null), of(text("a"))],
    [of(text("a")), of(null)],
    [of("a"), of("a")],
    [of(text("a")), { reasoning: "a" }],
    [{ reasoning: "a" }, of(text("a"))],
  ] as const) {
    assert.equal(mergedDelta(a, b), undefined, JSON.stringify([a, b]))
  }
})

test("fragments of one call are merged, and never those of two", () => {
  const first = { index: 0, id: "a", type: "function", function: { name: "pay", arguments: "{" } }
  const next = (more: object, call: object = {}): object => ({
    index: 0,
    function: { arguments: "}", ...call },
    ...more,
  })
  const whole = { ...first, function: { name: "pay", arguments: "{}" } }
  const callOf = (...calls: unknown[]): unknown =>
    (mergedDelta({ tool_calls: [first] }, { tool_calls: calls }) as { tool_calls: unknown[] } | undefined)?.tool_calls
  assert.deepEqual(callOf(next({})), [whole])
  assert.deepEqual(callOf(next({ id: "a", type: "function" }, { name: "pay" })), [whole])
  assert.deepEqual(callOf(next({ id: "", type: "" }, { name: "" })), [whole])
  assert.deepEqual(callOf(next({ id: "a" })), [whole])
  for (const other of [
    [next({ index: 1 })],
    [next({ id: "b" })],
    [next({ type: "custom" })],
    [next({ id: "a" }, { name: "ask" })],
    // it may begin another call
    [next({}, { name: "pay" })],
    [next({ extra: 1 })],
    [next({}, { extra: 1 })],
    [next({}, { arguments: null })],
    [next({}), next({})],
    [7],
    [null],
  ]) {
    assert.equal(callOf(...other), undefined, JSON.stringify(other))
  }
  const before = (...calls: unknown[]): unknown => mergedDelta({ tool_calls: calls }, { tool_calls: [next({})] })
  assert.equal(before(null), undefined)
  assert.equal(before(first, first), undefined)
  assert.equal(before({ ...first, function: { name: "pay" } }), undefined)
  assert.equal(mergedDelta({ tool_calls: [first, first] }, { tool_calls: [next({}), next({})] }), undefined)
  assert.deepEqual(mergedDelta({ role: "assistant" }, { tool_calls: [first] }), {
    role: "assistant",
    tool_calls: [first],
  })
})

/** The parts of a response's chunks, without its start. */
function partsOf(...fragments: readonly object[]): Part[] {
  const reader = chat.reader()
  const parts = fragments.flatMap((call) => reader.take(chunk({ tool_calls: [call] })))
  return parts.filter(({ type }) => type !== "start")
}

const fragment = (index: unknown, id: string | undefined, name: string | undefined, input: string): object => ({
  index,
  id,
  function: { name, arguments: input },
})

test("fragments belong to calls by id and index, as far as a provider sends them", () => {
  const start = (id: string, name: string): Part => ({ type: "tool-start", id, name })
  const piece = (id: string, delta: string): Part => ({ type: "tool-input", id, delta })
  // the standard: id and name come first
  assert.deepEqual(partsOf(fragment(0, "a", "pay", ""), fragment(0, undefined, undefined, "{}")), [
    start("a", "pay"),
    piece("a", "{}"),
  ])
  // parallel calls that share an index
  assert.deepEqual(partsOf(fragment(0, "a", "pay", "{"), fragment(0, "b", "pay", "["), fragment(0, "a", "", "}")), [
    start("a", "pay"),
    piece("a", "{"),
    start("b", "pay"),
    piece("b", "["),
    piece("a", "}"),
  ])
  // without an index, or with the same id at another one
  assert.deepEqual(
    partsOf(fragment(0, "a", "pay", "{"), fragment(undefined, "a", "", "}"), fragment(1, "a", "ask", "[]")),
    [start("a", "pay"), piece("a", "{"), piece("a", "}"), start("a_1", "ask"), piece("a_1", "[]")],
  )
  // without ids: another name, or the same name after a whole input, is another call
  assert.deepEqual(
    partsOf(
      fragment(0, "", "pay", "{"),
      fragment(0, "", "pay", "}"),
      fragment(0, "", "pay", "{}"),
      fragment(0, "", "ask", "["),
      fragment(0, "", "", "]"),
      fragment(1, "", "ask", "1"),
    ),
    [
      start("call_0", "pay"),
      piece("call_0", "{"),
      piece("call_0", "}"),
      start("call_1", "pay"),
      piece("call_1", "{}"),
      start("call_2", "ask"),
      piece("call_2", "["),
      piece("call_2", "]"),
      start("call_3", "ask"),
      piece("call_3", "1"),
    ],
  )
})

test("a response is complete when each of its choices has a reason, and none continues after it", () => {
  const choice = (more: object): object => ({ id: "c", choices: [{ index: 0, delta: {}, ...more }] })
  const isComplete = (...chunks: readonly object[]): boolean => {
    const reader = chat.reader()
    for (const each of chunks) reader.take(each)
    return reader.isComplete
  }
  const text = choice({ delta: { content: "a" } })
  const stop = choice({ finish_reason: "stop" })
  assert.equal(isComplete(), false)
  assert.equal(isComplete(text, text), false)
  assert.equal(isComplete(text, stop), true)
  assert.equal(isComplete(text, stop, { id: "c", choices: [], usage: {} }), true)
  assert.equal(isComplete(text, stop, stop), true)
  assert.equal(isComplete(text, stop, text), false)
  assert.equal(isComplete(text, stop, choice({})), false)
  assert.equal(isComplete(text, stop, choice({ delta: { content: "b" }, finish_reason: "stop" })), false)
  assert.equal(isComplete(text, stop, choice({ delta: { content: "b" } }), stop), false)
  assert.equal(isComplete(text, stop, choice({ index: 1 })), false)
  assert.equal(isComplete(text, stop, choice({ index: 1, finish_reason: "length" })), true)
  // the first choice can have no index
  assert.equal(isComplete(text, choice({ index: undefined, finish_reason: "stop" })), true)
})

test("only the first choice is translated, with any reason", () => {
  const choice = (index: number | undefined, finish_reason: unknown): object => ({
    id: "c",
    choices: [{ index, delta: { content: "a" }, finish_reason }],
  })
  const parts = (each: object): Part[] => chat.reader().take(each).slice(1)
  const text = { type: "text", delta: "a" }
  assert.deepEqual(parts(choice(1, "stop")), [])
  for (const [given, reason] of [
    ["stop", "stop"],
    ["length", "length"],
    ["tool_calls", "tool-calls"],
    ["function_call", "tool-calls"],
    ["content_filter", "content-filter"],
    ["eos", "other"],
  ] as const) {
    for (const index of [0, undefined])
      assert.deepEqual(parts(choice(index, given)), [text, { type: "finish", reason }])
  }
  for (const none of ["", null, undefined]) assert.deepEqual(parts(choice(0, none)), [text])
})

test("a provider's error is found by its event, its code or its type", () => {
  const endOf = (message: { event?: string; data: string }): unknown => {
    const frame = chat.decode(message)
    assert.ok(frame)
    const [part] = chat.reader().take(frame)
    return part?.type === "end" ? part.ending.error : part?.type
  }
  const data = (error: unknown): string => JSON.stringify({ error })
  assert.deepEqual(endOf({ data: data({ code: "a", type: "b", message: "M" }) }), { code: "a", message: "M" })
  assert.deepEqual(endOf({ data: data({ code: 429, type: "b", message: "M" }) }), { code: "b", message: "M" })
  assert.deepEqual(endOf({ data: data({ message: "M" }) }), { code: "source_failed", message: "M" })
  assert.deepEqual(endOf({ data: data("M") }), { code: "source_failed", message: "" })
  assert.deepEqual(endOf({ event: "error", data: data({ code: "a", message: "M" }) }), { code: "a", message: "M" })
  assert.deepEqual(endOf({ event: "error", data: '{"code":"a","message":"M"}' }), { code: "a", message: "M" })
  assert.equal(endOf({ event: "chunk", data: '{"code":"a","message":"M"}' }), "start")
  assert.equal(chat.decode({ event: "error", data: "[DONE]" }), undefined)
})
