import assert from "node:assert/strict"
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { test } from "node:test"
import { stream } from "onward/client"
import { publish, testServer } from "./server.ts"

/** What they send, and then nothing, for ever. */
const SLOW = {
  "nothing at all": "",
  "half a head": "GET /events?topic=a HTTP/1.1\r\nHost: localhost\r\nX-A: ",
  "a head, and one byte of its body":
    "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{",
  "a question whose answer they do not read": "GET /events?topic=b&last=20 HTTP/1.1\r\nHost: localhost\r\n\r\n",
}

async function open(port: number, text: string): Promise<Socket> {
  const socket = connect(port, "127.0.0.1").pause()
  socket.on("error", () => {})
  await once(socket, "connect")
  socket.write(text)
  return socket
}

test("fifty stalled clients of each kind do not delay other clients", async (t) => {
  const slow: Socket[] = []
  // before the hub closes, which would wait for them
  t.after(() => slow.forEach((socket) => socket.destroy()))
  const hub = await testServer(t, { log: "memory:" })
  const much = Array.from({ length: 20 }, () => ({ topic: "b", data: "x".repeat(10_000) }))
  const headers = { "content-type": "application/json" }
  await fetch(`${hub.url}/publish`, { method: "POST", headers, body: JSON.stringify(much) })
  const lastEventId = await publish(hub.url, { topic: "a", data: "before" })
  const texts = Object.values(SLOW).flatMap((text) => Array<string>(50).fill(text))
  slow.push(...(await Promise.all(texts.map((text) => open(hub.port, text)))))
  const events = stream(`${hub.url}/events?topic=a`, { lastEventId })
  t.after(() => events.close())
  for (const data of ["one", "two", "three"]) {
    await publish(hub.url, { topic: "a", data })
    assert.equal((await events.next()).value?.data, data)
  }
  events.close()
  assert.deepEqual(hub.errors, [])
})
