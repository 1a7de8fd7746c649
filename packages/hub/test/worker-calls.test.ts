import assert from "node:assert/strict"
import type { Worker } from "node:cluster"
import { test } from "node:test"
import { connectPeers, createSwitchboard, isCall } from "../src/worker-calls.ts"

interface Sent {
  readonly onward: string
  readonly id: number
  readonly name?: string
  readonly argument?: unknown
  readonly result?: unknown
  readonly error?: string
}

/** A worker as its primary process sees it, and what it was sent. */
function worker(isConnected = true): { readonly worker: Worker; readonly sent: Sent[] } {
  const sent: Sent[] = []
  const fake = { isConnected: () => isConnected, send: (message: Sent) => sent.push(message) }
  return { worker: fake as unknown as Worker, sent }
}

const settle = async (): Promise<void> => {
  for (let i = 0; i < 10; i++) await Promise.resolve()
}

test("a worker calls a function of the primary process, and learns its result or its error", async () => {
  const { worker: one, sent } = worker()
  const handle = createSwitchboard(() => [one], {
    double: (value: number) => value * 2,
    fail: () => {
      throw new Error("on purpose")
    },
  })
  handle(one, { onward: "call", id: 7, name: "double", argument: 21 })
  handle(one, { onward: "call", id: 8, name: "fail", argument: undefined })
  handle(one, { onward: "call", id: 9, name: "unknown", argument: undefined })
  await settle()
  assert.deepEqual(
    sent.toSorted((a, b) => a.id - b.id),
    [
      { onward: "result", id: 7, result: 42 },
      { onward: "result", id: 8, error: "Error: on purpose" },
      { onward: "result", id: 9, result: undefined },
    ],
  )
  for (const message of [null, undefined, "text", { other: 1 }, { onward: "result", id: 1 }]) handle(one, message)
  await settle()
  assert.equal(sent.length, 3)
})

test("a question is sent to each worker that is connected, and answered with all results", async () => {
  const [one, two, gone] = [worker(), worker(), worker(false)]
  const handle = createSwitchboard(() => [one, two, gone].map((each) => each.worker), {})
  handle(one.worker, { onward: "ask-all", id: 3, name: "numbers", argument: "a" })
  await settle()
  assert.deepEqual(one.sent, [{ onward: "ask", id: 1, name: "numbers", argument: "a" }])
  assert.deepEqual([two.sent.length, gone.sent.length], [1, 0])
  handle(two.worker, { onward: "answer", id: 1, result: "two" })
  handle(two.worker, { onward: "answer", id: 99, result: "late" })
  await settle()
  assert.equal(one.sent.length, 1)
  handle(one.worker, { onward: "answer", id: 1, result: undefined })
  await settle()
  assert.deepEqual(one.sent[1], { onward: "result", id: 3, result: ["two"] })
  handle(one.worker, { onward: "ask-all", id: 4, name: "numbers", argument: "a" })
  await settle()
  assert.equal(one.sent[2]?.id, 2)
})

test("a question is answered after a second without the workers that do not answer, and at once without workers", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const [asker, other] = [worker(), worker()]
  let workers = [other.worker]
  const handle = createSwitchboard(() => workers, {})
  handle(asker.worker, { onward: "ask-all", id: 1, name: "numbers", argument: undefined })
  await settle()
  t.mock.timers.tick(999)
  await settle()
  assert.deepEqual(asker.sent, [])
  t.mock.timers.tick(1)
  await settle()
  assert.deepEqual(asker.sent, [{ onward: "result", id: 1, result: [] }])
  workers = []
  handle(asker.worker, { onward: "ask-all", id: 2, name: "numbers", argument: undefined })
  await settle()
  assert.deepEqual(asker.sent[1], { onward: "result", id: 2, result: [] })
  const gone = worker(false)
  handle(gone.worker, { onward: "call", id: 1, name: "x", argument: undefined })
  await settle()
  assert.deepEqual(gone.sent, [])
})

test("without workers, a process answers its own questions", async () => {
  const peers = connectPeers(() => ({ double: (value: number) => value * 2 }))
  assert.equal(await peers.callPrimary("double", 4), 8)
  assert.equal(await peers.callPrimary("unknown", 4), undefined)
  assert.deepEqual(await peers.askAll("numbers"), [])
  peers.answer("numbers", (by: number) => by + 1)
  assert.deepEqual(await peers.askAll("numbers", 1), [2])
  peers.close()
  assert.deepEqual(await peers.askAll("numbers", 1), [])
  assert.deepEqual([isCall({ onward: "ask" }), isCall({}), isCall(null), isCall("onward")], [true, false, false, false])
})
