import assert from "node:assert/strict"
import { test } from "node:test"
import type { Part } from "../../../src/runs/format.ts"
import { openaiResponses } from "../../../src/runs/index.ts"

/** The parts of a response's events, and the response with which a viewer is told that it failed. */
function responses(...events: readonly object[]): { readonly parts: Part[]; readonly last: readonly object[] } {
  const reader = openaiResponses().reader()
  const parts = [{ type: "response.created", response: { id: "r" } }, ...events].flatMap((event) => reader.take(event))
  return { parts: parts.slice(1), last: reader.end({ status: "lost" }) }
}

const outputOf = ({ last }: { readonly last: readonly object[] }): unknown =>
  (last.at(-1) as { response: { output: unknown } }).response.output

const added = (item: object, more: object = { output_index: 0 }): object => ({
  type: "response.output_item.added",
  item,
  ...more,
})
const done = (item: object, more: object = { output_index: 0 }): object => ({
  type: "response.output_item.done",
  item,
  ...more,
})
const call = (id: string, more: object = {}): object => ({
  ...{ id, type: "function_call", call_id: `call_${id}`, name: "pay", arguments: "" },
  ...more,
})
const input = (delta: string, more: object): object => ({
  type: "response.function_call_arguments.delta",
  delta,
  ...more,
})

test("events of Responses belong to items by id, or by index", () => {
  const parts = (...events: readonly object[]): unknown =>
    responses(...events).parts.map((part) => ("id" in part && "delta" in part ? [part.id, part.delta] : part.type))
  const [a, b] = [added(call("a")), added(call("b"), { output_index: 1 })]
  assert.deepEqual(parts(a, b, input("1", { item_id: "a" }), input("2", { item_id: "b", output_index: 0 })), [
    ...["tool-start", "tool-start"],
    ["call_a", "1"],
    ["call_b", "2"],
  ])
  // another id with each event
  assert.deepEqual(parts(a, b, input("1", { item_id: "x", output_index: 0 }), input("2", { output_index: 1 })), [
    ...["tool-start", "tool-start"],
    ["call_a", "1"],
    ["call_b", "2"],
  ])
  // one index for all: the latest item
  assert.deepEqual(parts(a, added(call("b")), input("1", { item_id: "x", output_index: 0 })), [
    ...["tool-start", "tool-start"],
    ["call_b", "1"],
  ])
  assert.deepEqual(parts(a, input("1", { item_id: "x", output_index: 7 }), input("", { item_id: "a" })), ["tool-start"])
  // items without ids
  const nameless = added({ type: "function_call", call_id: "c", name: "pay" })
  assert.deepEqual(parts(nameless, added({ type: "message" }, { output_index: 1 }), input("1", { output_index: 0 })), [
    "tool-start",
    ["c", "1"],
  ])
})

test("a call's input is told once, in pieces or with its end, and its end once", () => {
  const parts = (...events: readonly object[]): unknown => responses(...events).parts.slice(1)
  const [piece, end] = [
    { type: "tool-input", id: "call_a", delta: "{}" },
    { type: "tool-end", id: "call_a" },
  ]
  const whole = done(call("a", { arguments: "{}" }))
  assert.deepEqual(parts(added(call("a")), input("{}", { item_id: "a" }), whole, whole), [piece, end])
  assert.deepEqual(parts(added(call("a")), whole), [piece, end])
  assert.deepEqual(parts(added(call("a")), done(call("a"))), [end])
  assert.deepEqual(parts(added(call("a")), done(call("a", { arguments: 7 }))), [end])
  assert.deepEqual(responses(whole).parts, [])
  assert.deepEqual(responses(added({ id: "m", type: "message" }), done({ id: "m", type: "message" })).parts, [])
  // by its own id where a provider has no other
  assert.deepEqual(responses(added(call("a", { call_id: undefined }))).parts, [
    { type: "tool-start", id: "a", name: "pay" },
  ])
})

test("a response that fails contains its output so far, in the order of its indices", () => {
  const message = { id: "m", type: "message", content: [] }
  const part = (content_index: number, part: object): object => ({
    ...{ type: "response.content_part.added", item_id: "m", output_index: 1, content_index, part },
  })
  const text = (kind: string, delta: string, content_index: number): object => ({
    ...{ type: `response.${kind}.delta`, item_id: "m", output_index: 1, content_index, delta },
  })
  const open = responses(
    added(message, { output_index: 1 }),
    part(0, { type: "output_text", text: "" }),
    part(1, { type: "refusal", refusal: "" }),
    part(2, { type: "audio", text: "" }),
    text("output_text", "Yes", 0),
    text("output_text", ".", 0),
    text("refusal", "No", 1),
    text("output_text", "lost", 2),
    added(call("a")),
    input("{", { item_id: "a" }),
    added({ id: "r", type: "reasoning", status: "in_progress" }, { output_index: 2 }),
    added({ id: "s", type: "web_search_call" }, { output_index: 3 }),
    added({ id: "z", type: "message" }, { output_index: 4 }),
    done({ id: "z", type: "message", content: ["done"], status: "completed" }, { output_index: 4 }),
  )
  const content = [
    { type: "output_text", text: "Yes." },
    { type: "refusal", refusal: "No" },
  ]
  assert.deepEqual(outputOf(open), [
    call("a", { arguments: "{", status: "incomplete" }),
    { ...message, content, status: "incomplete" },
    { id: "r", type: "reasoning", status: "incomplete" },
    { id: "s", type: "web_search_call" },
    { id: "z", type: "message", content: ["done"], status: "completed" },
  ])
  const at = (content_index: number): object => ({ item_id: "m", output_index: 1, content_index })
  assert.deepEqual(
    open.last.slice(0, -1).map((event) => ({ ...event, sequence_number: 0 })),
    [
      { type: "response.output_text.done", ...at(0), text: "Yes.", logprobs: [] },
      { type: "response.content_part.done", ...at(0), part: content[0] },
      { type: "response.refusal.done", ...at(1), refusal: "No" },
      { type: "response.content_part.done", ...at(1), part: content[1] },
      { type: "response.output_item.done", output_index: 1, item: { ...message, content, status: "incomplete" } },
    ].map((event) => ({ ...event, sequence_number: 0 })),
  )
  // without an index, an item counts as the first
  const unordered = responses(added(call("a"), { output_index: 1 }), added(call("b"), {}))
  assert.deepEqual(
    (outputOf(unordered) as { id: string }[]).map(({ id }) => id),
    ["b", "a"],
  )
  // a part that is done is as the provider ended it
  const ended = responses(
    added(message, { output_index: 1 }),
    part(0, { type: "output_text", text: "" }),
    text("output_text", "Yes", 0),
    { ...part(0, { type: "output_text", text: "Yes!" }), type: "response.content_part.done" },
    { ...part(7, { type: "output_text", text: "No." }), type: "response.content_part.done" },
  )
  assert.deepEqual(outputOf(ended), [
    { ...message, content: [{ type: "output_text", text: "Yes!" }], status: "incomplete" },
  ])
})

test("a response of Responses ends by its last event, its status and its reason", () => {
  const endOf = (type: string, response: object, more?: object): unknown =>
    openaiResponses()
      .reader()
      .take({ type, response, ...more })
      .filter((part) => part.type !== "start")
  const completed = { type: "end", ending: { status: "completed" } }
  const failed = (code: string, message: string): object => ({
    type: "end",
    ending: { status: "failed", error: { code, message } },
  })
  const usage = { input_tokens: 1, output_tokens: 2 }
  assert.deepEqual(endOf("response.completed", { usage }), [
    { type: "usage", usage: { input: 1, output: 2 } },
    { type: "finish", reason: "stop" },
    completed,
  ])
  for (const [response, reason] of [
    [{}, "stop"],
    [{ output: [{ type: "message" }, { type: "function_call" }] }, "tool-calls"],
    [{ incomplete_details: { reason: "max_output_tokens" } }, "length"],
    [{ incomplete_details: { reason: "content_filter" } }, "content-filter"],
    [{ incomplete_details: { reason: "x" } }, "other"],
    [{ incomplete_details: null }, "stop"],
  ] as const) {
    for (const type of ["response.completed", "response.incomplete"]) {
      assert.deepEqual(endOf(type, response), [{ type: "finish", reason }, completed], reason)
    }
  }
  const stopped = [{ type: "end", ending: { status: "stopped" } }]
  assert.deepEqual(endOf("response.cancelled", {}), stopped)
  assert.deepEqual(endOf("response.incomplete", { status: "cancelled" }), stopped)
  assert.deepEqual(endOf("response.failed", { error: { code: "a", message: "M" } }), [failed("a", "M")])
  assert.deepEqual(endOf("response.failed", {}), [failed("source_failed", "")])
  assert.deepEqual(endOf("error", {}, { code: "a", message: "M" }), [failed("a", "M")])
  for (const other of ["response.in_progress", "constructor"]) assert.deepEqual(endOf(other, {}), [])
})

test("events without a sequence number are counted, also without a response", () => {
  const numbers = (...events: readonly object[]): unknown => {
    const reader = openaiResponses().reader()
    for (const event of events) reader.take(event)
    return reader.end({ status: "failed" }).map((event) => (event as { sequence_number: number }).sequence_number)
  }
  assert.deepEqual(numbers(), [0])
  assert.deepEqual(numbers({ type: "x" }, { type: "x" }), [2])
  assert.deepEqual(numbers({ type: "x", sequence_number: 7 }), [8])
  assert.deepEqual(numbers({ type: "x", sequence_number: 7 }, { type: "x", sequence_number: "9" }), [9])
  assert.deepEqual(openaiResponses().reader().end({ status: "failed" }), [
    {
      type: "error",
      code: "source_failed",
      message: "The source of this response failed.",
      param: null,
      sequence_number: 0,
    },
  ])
})

test("deltas of Responses keep the logprobs of both, or must agree about them", () => {
  const delta = (more: object): object => ({ type: "response.output_text.delta", delta: "a", ...more })
  const logprobsOf = (a: object, b: object): unknown => {
    const both = openaiResponses().merge(delta(a), delta(b))
    return both && ((both as { logprobs?: unknown }).logprobs ?? "none")
  }
  assert.deepEqual(logprobsOf({ logprobs: [1] }, { logprobs: [2] }), [1, 2])
  assert.equal(logprobsOf({}, {}), "none")
  assert.equal(logprobsOf({ logprobs: "x" }, { logprobs: "x" }), "x")
  assert.equal(logprobsOf({ logprobs: [] }, {}), undefined)
  assert.equal(logprobsOf({}, { logprobs: [] }), undefined)
  assert.equal(logprobsOf({ sequence_number: 1 }, { sequence_number: 2 }), "none")
})

test("an event of Responses has its type from its name, where its data has none", () => {
  const format = openaiResponses()
  assert.deepEqual(format.decode({ event: "x", data: '{"a":1}' }), { type: "x", a: 1 })
  assert.deepEqual(format.decode({ event: "x", data: '{"type":"y"}' }), { type: "y" })
  assert.deepEqual(format.decode({ data: '{"a":1}' }), { a: 1 })
  assert.deepEqual(format.encode({ a: 1 }), { data: '{"a":1}' })
  assert.deepEqual(format.encode({ type: "x", obfuscation: "p" }), { event: "x", data: '{"type":"x"}' })
})

test("a translated response has the id of its run", () => {
  const idOf = (id: string): unknown => {
    const [created] = openaiResponses().writer({ id, time: 0 })({ type: "start" })
    return (created as { response: { id: unknown } }).response.id
  }
  assert.equal(idOf("a"), "resp_a")
  assert.equal(idOf("resp_a"), "resp_a")
})
