import assert from "node:assert/strict"
import { test } from "node:test"
import { AUTH, bearer, signToken } from "./auth/tokens.ts"
import { readEvents } from "./read-events.ts"
import { testServer } from "./server.ts"

const JSON_HEAD = { "content-type": "application/json" }

const send = async (url: string, body: string | URLSearchParams, headers: Record<string, string> = {}) => {
  const response = await fetch(`${url}/publish`, { method: "POST", body, headers })
  return { status: response.status, answer: (await response.json()) as { error?: { code: string; message: string } } }
}

test("a message with `also` is sent to streams of each topic, and once to a stream of several", async (t) => {
  const { url } = await testServer(t, { log: "memory:" })
  const form = new URLSearchParams([
    ["topic", "a"],
    ["also", "b"],
    ["also", "c"],
    ["data", "1"],
  ])
  assert.equal((await send(url, form)).status, 200)
  const json = JSON.stringify([{ topic: "a", also: ["b", "c"], data: "2" }])
  assert.equal((await send(url, json, JSON_HEAD)).status, 200)
  for (const query of ["topic=a", "topic=b", "topic=c", "topic=a&topic=b&topic=c"]) {
    const events = await readEvents(`${url}/events?${query}&last_event_id=earliest`, 2)
    assert.deepEqual(
      events.map(({ data }) => data),
      ["1", "2"],
      query,
    )
  }
})

test("a wrong `also`, and an array in another field, are refused with what they are", async (t) => {
  const { url } = await testServer(t, { log: "memory:", demo: false })
  const refused: [fields: object, status: number, message: RegExp][] = [
    [{ also: "b" }, 400, /`also` must be an array of topics, not "b"/],
    [{ also: { b: 1 } }, 400, /`also` must be an array of topics, not an object/],
    [{ also: [["b"]] }, 400, /not an array/],
    [{ also: [1] }, 400, /not 1/],
    [{ also: ["b*"] }, 400, /cannot contain `\*`/],
    [{ also: Array.from({ length: 1_000 }, (_, i) => `b${i}`) }, 400, /more than 999 topics in `also`/],
    [{ also: ["demo/x"] }, 403, /reserved/],
    [{ topic: ["a", "b"] }, 400, /a topic must be a non-empty string, not an array/],
    [{ topic: { name: "a" } }, 400, /not an object/],
  ]
  for (const [fields, status, message] of refused) {
    const { status: answered, answer } = await send(url, JSON.stringify({ topic: "a", ...fields }), JSON_HEAD)
    assert.equal(answered, status, JSON.stringify(fields))
    assert.match(answer.error?.message ?? "", message)
  }
})

test("a token must allow each topic of `also`", async (t) => {
  const { url } = await testServer(t, { log: "memory:", auth: AUTH })
  const token = await signToken({ onward: { publish: ["a", "b"] } })
  const publish = (also: string[]) =>
    send(url, JSON.stringify({ topic: "a", also, data: "1" }), { ...JSON_HEAD, ...bearer(token) })
  assert.equal((await publish(["b"])).status, 200)
  const { status, answer } = await publish(["b", "c"])
  assert.deepEqual([status, answer.error?.code], [403, "topic_not_allowed"])
})
