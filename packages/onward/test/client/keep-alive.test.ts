import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type IncomingMessage } from "node:http"
import { createServer as createTcpServer, type AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { stream } from "../../src/client/node.ts"

const HEAD = { "content-type": "text/event-stream" }

async function serve(
  t: TestContext,
  answer: (req: IncomingMessage, n: number) => string,
): Promise<{ url: string; seen: IncomingMessage[] }> {
  const seen: IncomingMessage[] = []
  const server = createServer((req, res) => {
    seen.push(req)
    res.writeHead(200, HEAD).end(answer(req, seen.length))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, seen }
}

const until = (n: number, last: number): string =>
  `id: ${n}\ndata: ${n}\n\n${n < last ? "" : "event: stream.end\ndata:\n\n"}`

test("requests in Node have a User-Agent, unless the program sets one", async (t) => {
  const { url, seen } = await serve(t, () => until(1, 1))
  for await (const _ of stream(url));
  for await (const _ of stream(url, { headers: { "User-Agent": "mine" } }));
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
    version: string
  }
  assert.deepEqual(
    seen.map(({ headers }) => headers["user-agent"]),
    [`onward/${version}`, "mine"],
  )
})

test("a reconnect uses the existing connection, and a POST its own", async (t) => {
  const { url, seen } = await serve(t, (_, n) => until(n, 3))
  for await (const _ of stream(url, { retry: { base: 1 } }));
  assert.deepEqual(
    seen.map(({ headers }) => headers.connection),
    ["keep-alive", "keep-alive", "keep-alive"],
  )
  const ports = seen.map(({ socket }) => socket.remotePort)
  assert.equal(new Set(ports).size, 1)
  for (let i = 0; i < 2; i++) for await (const _ of stream(url, { body: "x", reconnectOnEnd: false }));
  const [first, second] = seen.slice(3)
  assert.equal(first?.headers.connection, "keep-alive")
  assert.notEqual(first?.socket, second?.socket)
})

test("a kept connection that its server closes at that moment causes no failure", async (t) => {
  let requests = 0
  const server = createTcpServer((socket) => {
    let isFirst = true
    socket.on("error", () => {})
    socket.on("data", () => {
      requests++
      // it looked open until the second request came
      if (!isFirst) return socket.resetAndDestroy()
      isFirst = false
      const body = until(requests, 3)
      socket.write(
        `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      )
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => server.close())
  const errors: string[] = []
  const data: string[] = []
  const events = stream(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {
    retry: { base: 1 },
    reconnectingAfter: 0,
    onStatus: (status) => status.state === "reconnecting" && errors.push(status.error.code),
  })
  for await (const event of events) data.push(event.data)
  assert.deepEqual(data, ["1", "3"])
  assert.deepEqual(errors, ["stream_ended"])
})
