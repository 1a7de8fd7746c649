import assert from "node:assert/strict"
import { test } from "node:test"
import { HttpAgent, type RunAgentInput } from "@ag-ui/client"
import { begin, type Call } from "./provider.ts"
import { start } from "./start.ts"

test("AG-UI's own client reads the stream of an agent through a gateway, event by event, which makes no run of it", async (t) => {
  const { provider, server } = await start(t)
  const say = ({ res }: Call, ...events: object[]): void => {
    for (const event of events) res.write(`data: ${JSON.stringify(event)}\n\n`)
  }
  const agent = new HttpAgent({ url: `${server.url}/v1/agent`, threadId: "t1", headers: { "x-tenant": "7" } })
  const began = Promise.withResolvers<void>()
  const reading = agent.runAgent({ runId: "r1" }, { onTextMessageContentEvent: () => began.resolve() })
  const call = await provider.call()
  const { threadId, runId } = JSON.parse(call.body) as RunAgentInput
  assert.deepEqual([call.req.url, call.req.headers["x-tenant"], threadId, runId], ["/api/v1/agent", "7", "t1", "r1"])
  begin(call.res)
  const messageId = "m1"
  say(
    call,
    { type: "RUN_STARTED", threadId, runId },
    { type: "TEXT_MESSAGE_START", messageId, role: "assistant" },
    { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "Once " },
  )
  await began.promise
  say(
    call,
    { type: "TEXT_MESSAGE_CONTENT", messageId, delta: "upon" },
    { type: "TEXT_MESSAGE_END", messageId },
    { type: "TOOL_CALL_START", toolCallId: "c1", toolCallName: "look", parentMessageId: messageId },
    { type: "TOOL_CALL_ARGS", toolCallId: "c1", delta: "{}" },
    { type: "TOOL_CALL_END", toolCallId: "c1" },
    { type: "RUN_FINISHED", threadId, runId },
    { type: "RUN_STARTED", threadId, runId: "r2" },
    { type: "RUN_FINISHED", threadId, runId: "r2" },
  )
  call.res.end()
  await reading
  const [message] = agent.messages as { content?: unknown; toolCalls?: { function: unknown }[] }[]
  assert.equal(message?.content, "Once upon")
  assert.deepEqual(message?.toolCalls?.[0]?.function, { name: "look", arguments: "{}" })
  const response = fetch(agent.url, { method: "POST", body: "{}" })
  const { res } = await provider.call()
  begin(res)
  res.end()
  assert.equal((await response).headers.get("onward-run"), null)
})

test("a client of AG-UI that disconnects ends the agent's request", async (t) => {
  const { provider, server } = await start(t)
  const agent = new HttpAgent({ url: `${server.url}/v1/agent`, threadId: "t1" })
  const reading = agent.runAgent({ runId: "r1" }).catch(() => {})
  const call = await provider.call()
  begin(call.res)
  agent.abortRun()
  await call.gone
  await reading
})
