import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { createHub, memoryLog, type Hub } from "onward"
import { createChat, type Chat } from "../../src/demo/chat.ts"

/** A chat without a model, whose answers take seconds. */
function chatOf(t: TestContext): { readonly chat: Chat; readonly hub: Hub } {
  const log = memoryLog()
  const hub = createHub({ log })
  const chat = createChat({ hub, log, model: undefined, onError: (error) => assert.fail(String(error)) })
  t.after(async () => {
    await chat.close()
    await hub.close()
  })
  return { chat, hub }
}

const ROOM = "a-chat-01"

test("four answers are written at once, and a stopped one makes room", async (t) => {
  const { chat } = chatOf(t)
  const turns = await Promise.all([1, 2, 3, 4].map((n) => chat.ask(ROOM, `${n}`)))
  assert.deepEqual(
    turns.map(({ prompt, model }) => [prompt, model]),
    ["1", "2", "3", "4"].map((prompt) => [prompt, null]),
  )
  await assert.rejects(chat.ask(ROOM, "5"), { status: 429, code: "too_many_runs" })
  assert.equal(await chat.runs.stop(turns[0]?.run ?? ""), "stopped")
  while (!(await chat.ask(ROOM, "6").catch(() => undefined)))
    await new Promise((resolve) => void setTimeout(resolve, 5))
  await assert.rejects(chat.ask(ROOM, "7"), { status: 429 })
  assert.deepEqual(
    (await chat.turns(ROOM)).map(({ prompt }) => prompt),
    ["1", "2", "3", "4", "6"],
  )
})

test("a chat shows its newest twelve turns, and has a name and prompts of limited length", async (t) => {
  const { chat, hub } = chatOf(t)
  assert.equal(chat.model, undefined)
  assert.deepEqual(await chat.turns(ROOM), [])
  for (let i = 0; i < 15; i++) await hub.publish({ topic: `demo/chat/${ROOM}`, data: { prompt: `${i}` } })
  const turns = await chat.turns(ROOM)
  assert.deepEqual([turns.length, turns[0]?.prompt], [12, "3"])
  assert.equal((await chat.ask("x".repeat(64), "y".repeat(2_000))).prompt.length, 2_000)
  for (const name of ["x".repeat(7), "x".repeat(65), "a/b-chat-01", 1, undefined]) {
    await assert.rejects(chat.turns(name), { status: 400, code: "invalid_chat" })
    await assert.rejects(chat.ask(name, "a"), { status: 400, code: "invalid_chat" })
  }
  for (const prompt of ["", " \n", "y".repeat(2_001), 1, undefined]) {
    await assert.rejects(chat.ask(ROOM, prompt), { status: 400, code: "invalid_prompt" })
  }
})
