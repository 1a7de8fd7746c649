import assert from "node:assert/strict"
import { once } from "node:events"
import { request, type IncomingMessage } from "node:http"
import { connect as connectHttp2 } from "node:http2"
import { connect, type Socket } from "node:net"
import type { Readable } from "node:stream"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { connect as connectTls } from "node:tls"
import { createParser } from "onward/protocol"
import { makeCertificate } from "./certificate.ts"
import { testServer, type TestServer } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const CLIENTS = 10
const MESSAGES = 200
const PATH = "/events?topic=a"
const HEADERS = { accept: "text/event-stream" }

/** A stream, and the socket below it, which can be reset. */
interface Client {
  readonly body: Readable
  readonly socket: Socket
}

async function overHttp1({ port }: TestServer): Promise<Client> {
  const asked = request({ port, host: "127.0.0.1", path: PATH, headers: HEADERS, agent: false }).end()
  const [response] = (await once(asked, "response")) as [IncomingMessage]
  return { body: response, socket: response.socket }
}

async function overHttp2({ port }: TestServer): Promise<Client> {
  const socket = connect({ port, host: "127.0.0.1" })
  const secure = connectTls({ socket, ALPNProtocols: ["h2"], servername: "localhost", rejectUnauthorized: false })
  const session = connectHttp2(`https://localhost:${port}`, { createConnection: () => secure })
  for (const each of [socket, secure, session]) each.on("error", () => {})
  const stream = session.request({ ":path": PATH, ...HEADERS })
  await once(stream, "response")
  return { body: stream, socket }
}

/** Publishes numbers, each with enough text that sockets fill up. */
async function publishAll(url: string): Promise<void> {
  for (let i = 0; i < MESSAGES; i += 20) {
    const messages = Array.from({ length: 20 }, (_, at) => ({ topic: "a", data: `${i + at} ${"x".repeat(20_000)}` }))
    const response = await fetch(`${url}/publish`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(messages),
    })
    assert.equal(response.status, 200)
    await response.arrayBuffer()
  }
}

async function numbersOf({ body }: Client): Promise<number[]> {
  const numbers: number[] = []
  const parser = createParser({ onEvent: ({ data, event }) => event === "message" && numbers.push(parseInt(data, 10)) })
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    parser.feed(chunk)
    if (numbers.length >= MESSAGES) break
  }
  return numbers
}

const protocols: Readonly<
  Record<string, readonly [(server: TestServer) => Promise<Client>, (t: TestContext) => object]>
> = {
  "HTTP/1.1": [overHttp1, () => ({})],
  "HTTP/2": [overHttp2, (t) => ({ tls: makeCertificate(temporaryFolder(t)) })],
}

for (const [name, [open, settingsOf]] of Object.entries(protocols)) {
  test(`connections of ${name} that are reset amid a delivery take nothing from others, and leave nothing`, async (t) => {
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
    t.after(() => delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"])
    const server = await testServer(t, { log: "memory:", publishRate: 0, admin: { port: 0 }, ...settingsOf(t) })
    const clients: Client[] = []
    t.after(() => clients.forEach(({ socket }) => socket.destroy()))
    for (let i = 0; i < CLIENTS; i++) clients.push(await open(server))
    const resetting = clients.filter((_, i) => i % 2 === 0)
    const reading = clients.filter((_, i) => i % 2 === 1).map(numbersOf)
    for (const [i, { body, socket }] of resetting.entries()) {
      body.on("error", () => {})
      // some after their first bytes, some while the hub waits for room in their socket
      if (i % 2 === 0) body.once("data", () => socket.resetAndDestroy())
      else void sleep(50).then(() => socket.resetAndDestroy())
    }
    await publishAll(open === overHttp2 ? `https://localhost:${server.port}` : server.url)
    const expected = Array.from({ length: MESSAGES }, (_, i) => i)
    for (const numbers of await Promise.all(reading)) assert.deepEqual(numbers, expected)
    for (const { socket } of clients) socket.destroy()
    for (let tries = 0; ; tries++) {
      const health = await fetch(`${server.adminUrl}/healthz`)
      const { connections } = (await health.json()) as { readonly connections: number }
      if (connections === 0) break
      assert.ok(tries < 500, `${connections} streams are left`)
      await sleep(20)
    }
    assert.deepEqual(server.errors, [])
  })
}
