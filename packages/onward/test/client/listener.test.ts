import assert from "node:assert/strict"
import { test } from "node:test"
import { EventSource } from "../../src/client/node.ts"
import { play } from "./script.ts"
import { createStage, watch } from "./watch.ts"

const head = { status: 200, headers: { "content-type": "text/event-stream" } }
const THREE = "data: 1\n\ndata: 2\n\nevent: other\ndata: 3\n\n"

test("a listener that throws affects neither other listeners nor the stream nor the process, and is reported", async (t) => {
  const { server, clock } = await createStage(t, play([{ ...head, body: [THREE, { do: "END" }] }]))
  const errors: unknown[] = []
  const source = new EventSource(server.url, { clock, onError: (error) => errors.push(error) })
  source.addEventListener("open", () => {
    throw new Error("open")
  })
  source.addEventListener("message", () => {
    throw new Error("message")
  })
  source.addEventListener("message", () => Promise.reject(new Error("later")))
  source.onmessage = () => {
    throw new Error("onmessage")
  }
  source.addEventListener("other", {
    handleEvent() {
      throw new Error("other")
    },
  })
  source.onerror = () => {
    throw new Error("error")
  }
  const said = watch(source)
  await clock.settle()
  assert.deepEqual([said.data, said.opens, said.errors], [["1", "2"], 1, ["stream_ended"]])
  assert.equal(source.readyState, EventSource.CONNECTING)
  source.close()
  assert.deepEqual(errors.map((error) => (error as Error).message).sort(), [
    "error",
    "later",
    "later",
    "message",
    "message",
    "onmessage",
    "onmessage",
    "open",
    "other",
  ])
})

test("listeners are added once, called in order, and removed with the same options", async (t) => {
  const { server, clock } = await createStage(t, play([{ ...head, body: [THREE] }]))
  const heard: string[] = []
  const source = new EventSource(server.url, { clock })
  const twice = (): void => void heard.push("twice")
  const gone = { handleEvent: (): void => void heard.push("gone") }
  source.addEventListener("message", () => heard.push("first"))
  source.onmessage = () => heard.push("never")
  source.addEventListener("message", twice)
  source.addEventListener("message", twice)
  source.addEventListener("message", gone)
  source.removeEventListener("message", gone)
  source.addEventListener("message", () => heard.push("once"), { once: true })
  source.onmessage = () => heard.push("handler")
  await clock.settle()
  source.close()
  assert.deepEqual(heard, ["first", "handler", "twice", "once", "first", "handler", "twice"])
  source.onmessage = null
  assert.equal(source.onmessage, null)
})
