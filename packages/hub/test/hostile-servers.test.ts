import assert from "node:assert/strict"
import { once } from "node:events"
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { fetchJwks } from "../src/auth/fetch-jwks.ts"
import { checkHealth } from "../src/check-health.ts"
import type { Config } from "../src/config/index.ts"
import { examine } from "../src/doctor/examine.ts"
import { readFor } from "../src/doctor/reading.ts"
import { roundTrip } from "../src/doctor/round-trip.ts"
import { AUTH } from "./auth/tokens.ts"
import { outputOf } from "./commands/run-command.ts"
import { testServer } from "./server.ts"

const MIB = 1024 ** 2
const STREAM = { "content-type": "text/event-stream" }

async function serve(
  t: TestContext,
  listener: RequestListener,
): Promise<{ readonly port: number; readonly url: string }> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { port, url: `http://127.0.0.1:${port}` }
}

test("a server that switches protocols without being asked is refused like any other answer", async (t) => {
  const { port, url } = await serve(t, (_, res) => {
    res.socket?.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
  })
  await assert.rejects(fetchJwks(new URL(url), { allowPrivate: true }), /status 101/)
  const config = { host: "127.0.0.1", port, admin: {} } as Config
  assert.equal(await checkHealth(config), false)
})

/** A server whose answers never end, and how much of them was read: by clients, and by the buffers of the system. */
async function endless(t: TestContext, begin: (req: IncomingMessage, res: ServerResponse) => void) {
  let sent = 0
  const piece = "x".repeat(65_536)
  const { url } = await serve(t, (req, res) => {
    begin(req, res)
    if (res.writableEnded) return
    const write = (): void => {
      while (!res.destroyed) {
        sent += piece.length
        if (!res.write(piece)) return
      }
    }
    res.on("drain", write).on("error", () => {})
    write()
  })
  return { url, sent: () => sent }
}

test("an endless answer is read up to a limit: by commands, by the doctor, and by the hub", async (t) => {
  const refusing = await endless(t, (_, res) => res.writeHead(403))
  for (const args of [
    ["tail", "a"],
    ["publish", "a", "data", "--timeout", "1ms"],
  ]) {
    const { code, err } = await outputOf(refusing, args)
    assert.equal(code, 1)
    assert.match(err, /^onward: [^\n]+\n$/)
  }
  assert.equal((await outputOf(refusing, ["top", "--url", refusing.url])).code, 1)
  assert.ok(refusing.sent() < 100 * MIB, `${refusing.sent()} bytes`)

  const said: string[] = []
  const find = (_kind: string, text: string): void => void said.push(text)
  const publishing = await endless(t, (req, res) => {
    res.writeHead(200, STREAM)
    if (req.method === "GET") res.end(": a\n\n")
  })
  await roundTrip(`${publishing.url}/events?topic=a`, { headers: {}, find })
  const polled = await endless(t, (req, res) => {
    res.writeHead(req.url?.includes("poll") ? 200 : 401, { ...STREAM, "proxy-status": "a; error=incremental_refused" })
    if (!req.url?.includes("poll")) res.end()
  })
  assert.equal(await examine(`${polled.url}/events`, { onFinding() {} }), false)

  const application = await endless(t, (_, res) => res.writeHead(200))
  const auth = { ...AUTH, forward: { url: application.url, cache: 0, timeout: 60_000 } }
  const hub = await testServer(t, { auth, log: "memory:" })
  const headers = { cookie: "session=1", accept: "application/json" }
  assert.equal((await fetch(`${hub.url}/events?topic=a`, { headers })).status, 503)
  for (const { sent } of [publishing, polled, application]) assert.ok(sent() < 40 * MIB, `${sent()} bytes`)
})

test("an event that is too large for the environment of a command does not end onward tail --exec", async (t) => {
  const server = await serve(t, (_, res) => {
    res.writeHead(200, STREAM).write(`id: 1\nevent: ${"e".repeat(200_000)}\ndata: first\n\n`)
    res.write("data: second\n\n")
  })
  const { code, out, err } = await outputOf(server, ["tail", "a", "--count", "2", "--exec", 'test "$(cat)" = second'])
  assert.deepEqual([code, out], [1, ""])
  assert.match(err, /^onward: The command cannot be started for the event 1: [^\n]*E2BIG[^\n]*\n$/)
})

test("a heartbeat that is announced for some year does not make the doctor wait for it", async () => {
  for (const [announced, heard] of Object.entries({ "15000": 15_000, "99999999999": undefined, "0": undefined })) {
    const reading = readFor(new Response(`: heartbeat ${announced}\n\n`).body as ReadableStream<Uint8Array>)
    assert.equal(await reading.first(10_000), "there")
    assert.equal(reading.heartbeat, heard)
  }
})
