import assert from "node:assert/strict"
import { json } from "node:stream/consumers"
import { test, type TestContext } from "node:test"
import { HttpAgent, type RunAgentInput } from "@ag-ui/client"
import { sse } from "../../src/node/index.ts"
import { agUi, createRuns } from "../../src/runs/index.ts"
import { serve } from "./serve.ts"

const MESSAGE = "m1"

type AgUiEvent = Readonly<{ type: string }> & Readonly<Record<string, unknown>>

/** An agent's answer; `go` lets it continue after its first words. */
async function* answer({ threadId, runId }: RunAgentInput, go: Promise<void>): AsyncGenerator<AgUiEvent> {
  yield { type: "RUN_STARTED", threadId, runId }
  yield { type: "TEXT_MESSAGE_START", messageId: MESSAGE, role: "assistant" }
  yield { type: "TEXT_MESSAGE_CONTENT", messageId: MESSAGE, delta: "Once " }
  await go
  for (const delta of ["upon ", "a time"]) yield { type: "TEXT_MESSAGE_CONTENT", messageId: MESSAGE, delta }
  yield { type: "TOOL_CALL_START", toolCallId: "c1", toolCallName: "look", parentMessageId: MESSAGE }
  yield { type: "TOOL_CALL_ARGS", toolCallId: "c1", delta: '{"at":' }
  yield { type: "TOOL_CALL_ARGS", toolCallId: "c1", delta: '"clock"}' }
  yield { type: "TOOL_CALL_END", toolCallId: "c1" }
  yield { type: "TEXT_MESSAGE_END", messageId: MESSAGE }
  yield { type: "RUN_FINISHED", threadId, runId }
}

/** Our server: the first request starts the run, and others watch it. */
async function serving(t: TestContext, go: Promise<void>): Promise<string> {
  const runs = createRuns({ format: agUi(), onError: () => {} })
  t.after(() => runs.close())
  return serve(t, async (req, res) => {
    const input = (await json(req)) as RunAgentInput
    await runs.start(input.runId, () => answer(input, go))
    sse(req, res, runs.source(input.runId))
  })
}

test("AG-UI's own client reads a run, twice, with its text and its tool call", async (t) => {
  const go = Promise.withResolvers<void>()
  const url = await serving(t, go.promise)
  const began = Promise.withResolvers<void>()
  const read = async () => {
    const agent = new HttpAgent({ url, threadId: "t1" })
    await agent.runAgent({ runId: "r1" }, { onTextMessageContentEvent: () => began.resolve() })
    return agent.messages
  }
  const one = read()
  await began.promise
  const two = read()
  go.resolve()
  const [first] = await one
  assert.equal(first?.content, "Once upon a time")
  assert.deepEqual((first as { toolCalls?: unknown }).toolCalls, [
    { id: "c1", type: "function", function: { name: "look", arguments: '{"at":"clock"}' } },
  ])
  assert.deepEqual(await two, await one)
})

test("AG-UI's own client sees that a run failed, after what it received", async (t) => {
  const go = Promise.withResolvers<void>()
  const url = await serving(t, go.promise)
  const agent = new HttpAgent({ url, threadId: "t1" })
  const errors: string[] = []
  await agent.runAgent(
    { runId: "r1" },
    {
      onTextMessageContentEvent: () => go.reject(new Error("the model is away")),
      onRunErrorEvent: ({ event }) => void errors.push(String(event.code)),
    },
  )
  assert.deepEqual(errors, ["source_failed"])
  assert.equal(agent.messages[0]?.content, "Once ")
})
