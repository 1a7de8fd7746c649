import assert from "node:assert/strict"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import type { ServerResponse } from "node:http"
import { agUi, aiSdk, anthropic, createRuns, openaiChat, openaiResponses, type Format } from "../../src/runs/index.ts"
import type { Block } from "./every-block.ts"
import { ask, block, formats, jsonOf } from "./provider.ts"

const chunk = (delta: object, finish: string | null = null, more: object = {}): object => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "m",
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
})

const contentOf = (blocks: readonly Block[]): string =>
  jsonOf(blocks)
    .map((each) => (each as { choices: { delta: { content?: string } }[] }).choices[0]?.delta.content ?? "")
    .join("")

/** Writes all, then cuts the connection. */
const cutAfter =
  (body: string) =>
  (res: ServerResponse): void =>
    void res.write(body, () => setTimeout(() => res.destroy(), 20))

const words = block(chunk({ role: "assistant", content: "Once " })) + block(chunk({ content: "upon" }))

for (const [what, end, status] of [
  ["[DONE] without a reason to finish, then the end", (body: string) => body + block("[DONE]"), "completed"],
  ["[DONE] without a reason to finish, then a cut", (body: string) => cutAfter(body + block("[DONE]")), "completed"],
  [
    "[DONE] after the reason, then a connection that stays open",
    (body: string) => (res: ServerResponse) => void res.write(body + block(chunk({}, "stop")) + block("[DONE]")),
    "completed",
  ],
  [
    "[DONE], then more",
    (body: string) => body + block("[DONE]") + block(chunk({ content: " never" })) + block("<html>"),
    "completed",
  ],
  ["the reason without [DONE], then the end", (body: string) => body + block(chunk({}, "stop")), "completed"],
  ["the reason without [DONE], then a cut", (body: string) => cutAfter(body + block(chunk({}, "stop"))), "failed"],
  ["no reason and no [DONE], then the end", (body: string) => body, "failed"],
  ["no reason and no [DONE], then a cut", (body: string) => cutAfter(body), "failed"],
] as const) {
  test(`a chat that ends with ${what} is ${status}`, async (t) => {
    const { status: is, view } = await ask(t, openaiChat() as Format, end(words))
    assert.equal(is, status)
    const blocks = await view()
    assert.equal(blocks.at(-1)?.data === "[DONE]", status === "completed")
    if (status === "completed") assert.equal(contentOf(blocks), "Once upon")
  })
}

for (const [how, end] of [
  ["a cut", cutAfter],
  ["the end of the stream", (body: string) => body],
] as const) {
  test(`a finish reason with every chunk, then ${how}, is not a complete response; with [DONE] it is`, async (t) => {
    const all = ["Once ", "upon ", "a time"].map((content) => block(chunk({ content }, "stop"))).join("")
    assert.equal((await ask(t, openaiChat() as Format, end(all))).status, "failed")
    const { status, view } = await ask(t, openaiChat() as Format, end(all + block("[DONE]")))
    assert.equal(status, "completed")
    assert.equal((await view("text")).map(({ data }) => data).join(""), 'Once upon a time{"status":"completed"}')
  })
}

const folder = join(import.meta.dirname, "fixtures")

for (const file of readdirSync(folder)) {
  const native = formats.find(({ name }) => file.startsWith(name)) as Format
  if (native.name === "text") continue
  const recorded = readFileSync(join(folder, file), "utf8").split(/(?<=\n\n)/)

  test(`${file}: frames that cannot be decoded do not end it, and are reported once`, async (t) => {
    const strange = ["", "ping", "null", "<html>", '"text"', "[1]", "{", "3"].map((data) => block(data))
    const named = [block("", "ping"), block("x", "keepalive"), ":\n", ": ping\n\n"]
    const more = [...strange, ...named].join("")
    const { status, errors, view } = await ask(t, native, recorded.slice(0, -1).join(more) + (recorded.at(-1) ?? ""))
    assert.equal(status, "completed")
    assert.equal(errors.length, 1)
    const plain = await ask(t, native, recorded.join(""))
    assert.deepEqual(
      (await view()).map(({ data }) => data),
      (await plain.view()).map(({ data }) => data),
    )
  })
}

test("a source that sends only data of another format ends", async (t) => {
  const { status, code } = await ask(t, openaiChat() as Format, (res) => {
    const more = (): void => void (res.destroyed || res.write(block("ping").repeat(1_000), () => setImmediate(more)))
    more()
  })
  assert.deepEqual([status, code], ["failed", "source_failed"])
})

test("names of events are kept, in merged frames too", async (t) => {
  const body =
    block({ id: "x" }, "metadata") +
    ["Once ", "upon ", "a time"].map((content) => block(chunk({ content }), "chunk")).join("") +
    block(chunk({}, "stop")) +
    block("[DONE]")
  const { view } = await ask(t, openaiChat() as Format, body)
  const blocks = await view()
  assert.deepEqual(
    blocks.map(({ event }) => event),
    ["metadata", "chunk", undefined, undefined],
  )
  assert.equal(contentOf(blocks.slice(1)), "Once upon a time")
  for (const [format, frames] of [
    [aiSdk(), [{ type: "start" }, { type: "finish" }]],
    [agUi(), [{ type: "RUN_STARTED" }, { type: "RUN_FINISHED" }]],
    [anthropic(), [{ type: "message_start", message: {} }, { type: "message_stop" }]],
    [
      openaiResponses(),
      [
        { type: "response.created", response: {} },
        { type: "response.completed", response: {} },
      ],
    ],
  ] as const) {
    const answer = frames.map((frame) => block(frame, "theirs")).join("")
    const seen = (await (await ask(t, format as Format, answer)).view()).filter(({ data }) => data !== "[DONE]")
    assert.deepEqual(
      seen.map(({ event }) => event),
      ["theirs", "theirs"],
      format.name,
    )
  }
})

const NUMBERS = [
  "1.10",
  "1.0",
  "-0",
  "-0.0",
  "0.10",
  "1e5",
  "1E+2",
  "12345678901234567890",
  "0.12345678901234567890",
  "1e-7",
  "1.5e300",
  "100",
  "0",
  "0.5",
  "9007199254740993",
  "123456789.123456789",
  "1e400",
]

test("numbers in frames keep their digits, in the log, late and live", async (t) => {
  for (const number of NUMBERS) {
    const raw = (content: string, finish: string): string =>
      `{"id":"x","object":"chat.completion.chunk","created":${number},"model":"m 1.10","n":[ ${number} ],"choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":${finish}}]}`
    const sent = [raw("a", "null"), raw("b 1.0,", "null"), raw("c", '"stop"')]
    const { view } = await ask(t, openaiChat() as Format, sent.map((each) => block(each)).join("") + block("[DONE]"))
    const got = await view()
    for (const { data } of got.slice(0, -1)) {
      assert.ok(
        data.includes(`"created":${number},`) && /\[ ?(.+?) ?\]/.exec(data)?.[1] === number,
        `${number}: ${data}`,
      )
    }
    assert.equal(contentOf(got), "ab 1.0,c")
  }
  const response =
    '{"type":"response.created","sequence_number":0,"response":{"id":"r","temperature":1.0,"top_p":0.90}}'
  const end =
    '{"type":"response.completed","sequence_number":1,"response":{"id":"r","temperature":1.0,"n":12345678901234567890}}'
  const { view } = await ask(
    t,
    openaiResponses() as Format,
    block(response, "response.created") + block(end, "response.completed"),
  )
  assert.deepEqual(
    (await view()).map(({ data }) => data),
    [response, end],
  )
})

test("parallel calls stay separate, with the same index or without one", async (t) => {
  const call = (more: object, name: string | undefined, input: string): object => ({
    ...more,
    type: "function",
    function: { ...(name !== undefined && { name }), arguments: input },
  })
  const shapes: [what: string, calls: object[][]][] = [
    [
      "one index, ids",
      [[call({ index: 0, id: "x" }, "add", '{"a":1}')], [call({ index: 0, id: "y" }, "add", '{"a":2}')]],
    ],
    ["no index, ids", [[call({ id: "x" }, "add", '{"a":1}'), call({ id: "y" }, "add", '{"a":2}')]]],
    ["no index, no ids", [[call({}, "add", '{"a":1}'), call({}, "add", '{"a":2}')]]],
    [
      "one index, no ids, in pieces",
      [
        [call({ index: 0 }, "add", "")],
        [call({ index: 0 }, undefined, '{"a"')],
        [call({ index: 0 }, undefined, ":1}")],
        [call({ index: 0 }, "add", "")],
        [call({ index: 0 }, undefined, '{"a":2}')],
      ],
    ],
    [
      "one index, ids said with each piece",
      [
        [call({ index: 0, id: "x" }, "add", '{"a"')],
        [call({ index: 0, id: "x" }, "add", ":1}")],
        [call({ index: 0, id: "y" }, "add", '{"a":')],
        [call({ index: 0, id: "y" }, "add", "2}")],
      ],
    ],
    [
      "an id and no index after the first piece",
      [
        [call({ index: 0, id: "x" }, "add", '{"a"'), call({ index: 1, id: "y" }, "add", '{"a"')],
        [call({ id: "y" }, undefined, ":2}"), call({ id: "x" }, undefined, ":1}")],
      ],
    ],
    [
      "empty ids after the first",
      [
        [call({ index: 0, id: "x" }, "add", "")],
        [call({ index: 0, id: "" }, "", '{"a"')],
        [call({ index: 0, id: "" }, "", ":1}")],
        [call({ index: 1, id: "y" }, "add", "")],
        [call({ index: 1, id: "" }, "", '{"a":2}')],
      ],
    ],
    [
      "one id for both",
      [[call({ index: 0, id: "x" }, "add", '{"a":1}')], [call({ index: 1, id: "x" }, "add", '{"a":2}')]],
    ],
    [
      "interleaved",
      [
        [call({ index: 0, id: "x" }, "add", '{"a"'), call({ index: 1, id: "y" }, "add", "")],
        [call({ index: 1 }, undefined, '{"a":2}'), call({ index: 0 }, undefined, ":1}")],
      ],
    ],
  ]
  for (const [what, pieces] of shapes) {
    const body = pieces.map((tool_calls) => block(chunk({ tool_calls }))).join("") + block(chunk({}, "tool_calls"))
    const { view, status } = await ask(t, openaiChat() as Format, body + block("[DONE]"))
    assert.equal(status, "completed", what)
    for (const { name } of formats) {
      if (name === "text" || name === "openai-chat") continue
      assert.deepEqual(
        callsIn(name, jsonOf(await view(name)) as Frame[]),
        ['add {"a":1}', 'add {"a":2}'],
        `${what}, as ${name}`,
      )
    }
    // what the provider said, piece by piece; merging never joins two calls
    const inputs = (
      jsonOf(await view()) as { choices: { delta: { tool_calls?: { function: { arguments: string } }[] } }[] }[]
    )
      .flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
      .map((each) => each.function.arguments)
    assert.ok(!inputs.some((input) => input.includes("}{")), `${what}: ${inputs.join(" | ")}`)
  }
})

/** Of frames of all formats, what tells calls. */
interface Frame {
  readonly type: string
  readonly toolCallId?: string
  readonly toolCallName?: string
  readonly toolName?: string
  readonly inputTextDelta?: string
  readonly index?: number
  readonly output_index?: number
  readonly content_block?: { readonly id?: string; readonly name?: string }
  readonly item?: { readonly name?: string }
  readonly delta?: string | { readonly partial_json?: string }
}

/** Calls as a client of a format has them at the end. */
function callsIn(format: string, frames: readonly Frame[]): string[] {
  const calls = new Map<unknown, string>()
  const add = (id: unknown, piece: string): void => {
    const before = calls.get(id)
    assert.ok(before !== undefined, `${format}: a piece of no call`)
    calls.set(id, before + piece)
  }
  for (const { type, toolCallId, toolCallName, toolName, inputTextDelta = "", delta = "", ...more } of frames) {
    const piece = typeof delta === "string" ? delta : (delta.partial_json ?? "")
    const { index, output_index, content_block, item } = more
    if (type === "TOOL_CALL_START") calls.set(toolCallId, `${toolCallName} `)
    if (type === "TOOL_CALL_ARGS") add(toolCallId, piece)
    if (type === "tool-input-start") calls.set(toolCallId, `${toolName} `)
    if (type === "tool-input-delta") add(toolCallId, inputTextDelta)
    if (type === "content_block_start" && content_block?.id) calls.set(index, `${content_block.name} `)
    if (type === "content_block_delta") add(index, piece)
    if (type === "response.output_item.added") calls.set(output_index, `${item?.name} `)
    if (type === "response.function_call_arguments.delta") add(output_index, piece)
  }
  return [...calls.values()]
}

test("calls of Responses and of messages stay separate too, with the same index or without one", async (t) => {
  const item = (id: string, more: object) => ({
    item: { type: "function_call", id, call_id: `c_${id}`, name: "add", arguments: "" },
    ...more,
  })
  for (const more of [{}, { output_index: 0 }]) {
    const events = [
      { type: "response.created", response: { id: "r", status: "in_progress", output: [] } },
      { type: "response.output_item.added", ...item("x", more) },
      { type: "response.output_item.added", ...item("y", more) },
      { type: "response.function_call_arguments.delta", item_id: "y", delta: '{"a":2}', ...more },
      { type: "response.function_call_arguments.delta", item_id: "x", delta: '{"a":1}', ...more },
      { type: "response.completed", response: { id: "r", status: "completed", output: [] } },
    ].map((event, sequence_number) => block({ ...event, sequence_number }, event.type))
    const { view } = await ask(t, openaiResponses() as Format, events.join(""))
    for (const name of ["ag-ui", "ai-sdk"]) {
      assert.deepEqual(callsIn(name, jsonOf(await view(name)) as Frame[]), ['add {"a":1}', 'add {"a":2}'], name)
    }
  }
  const use = (id: string, a: number) => [
    { type: "content_block_start", index: 0, content_block: { type: "tool_use", id, name: "add", input: {} } },
    { type: "content_block_delta", index: 0, delta: { type: "input_json_delta", partial_json: `{"a":${a}}` } },
  ]
  const events = [{ type: "message_start", message: {} }, ...use("x", 1), ...use("y", 2), { type: "message_stop" }]
  const { view } = await ask(t, anthropic() as Format, events.map((event) => block(event, event.type)).join(""))
  for (const name of ["ag-ui", "ai-sdk", "openai-responses"]) {
    assert.deepEqual(callsIn(name, jsonOf(await view(name)) as Frame[]), ['add {"a":1}', 'add {"a":2}'], name)
  }
})

const agRun = (runId: string, delta: string, output: number): string =>
  [
    { type: "RUN_STARTED", threadId: "t", runId },
    { type: "TEXT_MESSAGE_START", messageId: runId, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId: runId, delta },
    { type: "TEXT_MESSAGE_END", messageId: runId },
    { type: "RUN_FINISHED", threadId: "t", runId, usage: [{ inputTokens: 1, outputTokens: output }] },
  ]
    .map((event) => block(event))
    .join("")

test("a stream of AG-UI can contain several runs, and is complete when its last one is", async (t) => {
  const both = agRun("1", "Once ", 2) + agRun("2", "upon", 3)
  for (const end of [both, cutAfter(both)]) {
    const { status, view } = await ask(t, agUi() as Format, end)
    assert.equal(status, "completed")
    const types = (jsonOf(await view()) as { type: string }[]).map(({ type }) => type)
    assert.equal(types.filter((type) => type === "RUN_FINISHED").length, 2)
    assert.equal(contentOf(await view("openai-chat")), "Once upon")
    assert.equal((await view("text")).at(-1)?.data, '{"status":"completed"}')
  }
  const half =
    agRun("1", "Once ", 2) +
    agRun("2", "upon", 3)
      .split(/(?<=\n\n)/)
      .slice(0, 3)
      .join("")
  for (const end of [half, cutAfter(half)]) {
    const { status, view } = await ask(t, agUi() as Format, end)
    assert.equal(status, "failed")
    assert.equal((jsonOf(await view()) as { type: string }[]).at(-1)?.type, "RUN_ERROR")
    assert.match((await view("text")).at(-1)?.data ?? "", /"status":"failed"/)
  }
  const wrong = agRun("1", "Once ", 2) + block({ type: "RUN_ERROR", code: "x", message: "y" })
  assert.deepEqual([(await ask(t, agUi() as Format, wrong)).code], ["x"])
})

test("a stream of the AI SDK without a finish is complete when its source returns or sends [DONE], and not when it is cut", async (t) => {
  const parts = [
    { type: "start" },
    { type: "text-start", id: "1" },
    { type: "text-delta", id: "1", delta: "Once" },
    { type: "text-end", id: "1" },
  ]
  await using runs = createRuns({ format: aiSdk(), onError: () => {} })
  const returned = await runs.start("a", async function* () {
    yield* parts
  })
  assert.equal((await returned.ended()).status, "completed")
  const threw = await runs.start("b", async function* () {
    yield* parts
    throw new Error("x")
  })
  assert.equal((await threw.ended()).status, "failed")
  const body = parts.map((part) => block(part)).join("")
  assert.equal((await ask(t, aiSdk() as Format, body)).status, "failed")
  const { status, view } = await ask(t, aiSdk() as Format, body + block("[DONE]"))
  assert.equal(status, "completed")
  assert.deepEqual(
    (await view()).map(({ data }) => data),
    [...parts.map((part) => JSON.stringify(part)), "[DONE]"],
  )
})
