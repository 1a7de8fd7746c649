import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, request, type ClientRequest, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { createBodies, type BodiesOptions } from "../src/body.ts"
import { sendJson, sendProblem } from "../src/respond.ts"
import { testServer } from "./server.ts"

interface Place {
  /** Begins a request from a loopback address; its body is for the test to write. */
  begin(address?: string): ClientRequest
}

/** Answers a body with its length. */
async function reading(t: TestContext, options: BodiesOptions, use?: () => Promise<void>): Promise<Place> {
  const bodies = createBodies(options)
  const server = createServer((req, res) => {
    req.on("error", () => {})
    bodies
      .read(req, res, async (text) => {
        await use?.()
        sendJson(res, 200, { length: text.length })
      })
      .catch((error: unknown) => sendProblem(req, res, error, { onError() {} }))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close().closeAllConnections())
  const { port } = server.address() as AddressInfo
  return {
    begin(localAddress = "127.0.0.1") {
      const req = request({ port, host: "127.0.0.1", localAddress, method: "POST", agent: false })
      req.on("error", () => {})
      t.after(() => req.destroy())
      return req
    },
  }
}

async function answerTo(req: ClientRequest): Promise<{ status: number; code?: string; length?: number }> {
  const [res] = (await once(req, "response")) as [IncomingMessage]
  let text = ""
  for await (const part of res) text += String(part)
  const { error, length } = JSON.parse(text) as { error?: { code: string }; length?: number }
  return { status: res.statusCode ?? 0, ...(error && { code: error.code }), ...(length !== undefined && { length }) }
}

const half = (req: ClientRequest, bytes: number): void => {
  req.setHeader("content-length", bytes + 1)
  req.write(Buffer.alloc(bytes, 0x20))
}

test("incomplete bodies of one caller leave room for bodies of others", async (t) => {
  const { begin } = await reading(t, { maxBytes: 1_000, totalBytes: 4_000 })
  const greedy = Array.from({ length: 17 }, () => begin("127.0.0.2"))
  const refusals = greedy.map(answerTo)
  for (const req of greedy) half(req, 900)
  const [first] = await Promise.all([Promise.race(refusals), once(greedy[0] as ClientRequest, "socket")])
  assert.deepEqual(first, { status: 429, code: "too_many_bodies" })
  const other = begin("127.0.0.3")
  other.end(Buffer.alloc(1_000, 0x20))
  assert.deepEqual(await answerTo(other), { status: 200, length: 1_000 })
})

test("a stalled incomplete body is dropped when another body needs its room", async (t) => {
  const { begin } = await reading(t, { maxBytes: 1_000, totalBytes: 1_000, graceTimeout: 0 })
  const stalled = begin("127.0.0.2")
  const refused = answerTo(stalled)
  half(stalled, 900)
  await once(stalled, "socket")
  for (;;) {
    const other = begin("127.0.0.3")
    other.end(Buffer.alloc(1_000, 0x20))
    assert.equal((await answerTo(other)).status, 200)
    const done = await Promise.race([refused, new Promise((resolve) => void setTimeout(resolve, 10))])
    if (!done) continue
    assert.deepEqual(done, { status: 408, code: "body_stalled" })
    return
  }
})

test("the room of bodies is released, however they end", async (t) => {
  let fail = false
  const { begin } = await reading(t, { maxBytes: 1_000, totalBytes: 1_000 }, async () => {
    if (fail) throw new Error("on purpose")
  })
  for (let round = 0; round < 20; round++) {
    const broken = begin()
    half(broken, 900)
    await once(broken, "socket")
    broken.destroy()
    fail = round % 2 === 0
    for (;;) {
      const whole = begin()
      whole.end(Buffer.alloc(1_000, 0x20))
      const { status } = await answerTo(whole)
      // until the server has heard that the broken one is gone
      if (status === 429 || status === 503) continue
      assert.equal(status, fail ? 500 : 200)
      break
    }
  }
})

test("a body in chunks of one byte each is read completely", async (t) => {
  const { begin } = await reading(t, {})
  const req = begin()
  for (let i = 0; i < 5_000; i++) req.write("é")
  req.end()
  assert.deepEqual(await answerTo(req), { status: 200, length: 5_000 })
})

test("a stream takes a body of any size from its request, and does not keep it", async (t) => {
  const server = await testServer(t, { presence: ["*"], log: "memory:" })
  for (const path of ["/events?topic=a", "/presence/events?topic=a"]) {
    for (const method of ["GET", "QUERY"]) {
      const asked = request({ port: server.port, host: "127.0.0.1", path, method, agent: false })
      asked.on("error", () => {})
      t.after(() => asked.destroy())
      // larger than the buffers of the system
      asked.setHeader("content-length", 16 * 1024 ** 2)
      const isTaken = once(asked, "finish")
      asked.end(Buffer.alloc(16 * 1024 ** 2))
      const [res] = (await once(asked, "response")) as [IncomingMessage]
      assert.equal(res.statusCode, 200)
      await once(res, "data")
      await isTaken
      res.destroy()
    }
  }
})
