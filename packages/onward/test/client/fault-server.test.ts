import assert from "node:assert/strict"
import { once } from "node:events"
import { get } from "node:http"
import { connect } from "node:net"
import { test } from "node:test"
import { createClock } from "../../src/testing/index.ts"
import { quiet } from "./quiet.ts"
import { createFaultServer, serveFaults } from "./fault-server.ts"
import { utf8 } from "./fault-request.ts"
import { play } from "./script.ts"

/** Sends `request` and returns all bytes that come back, with how the connection ended. */
async function talk(url: string, request: string): Promise<{ text: string; ending: string }> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(request)
  let text = ""
  let ending = "closed"
  socket.on("data", (chunk) => (text += chunk.toString("latin1")))
  socket.on("error", (error: NodeJS.ErrnoException) => (ending = error.code ?? ""))
  await new Promise((resolve) => socket.on("close", resolve))
  return { text, ending }
}

const GET = "GET /a?b=c HTTP/1.1\r\nHost: x\r\nLast-Event-ID: …\r\nX: 1\r\nx: 2\r\n\r\n"

test("a request is recorded as it was sent, with its header bytes", async (t) => {
  const server = await serveFaults(t, async (exchange) => {
    await exchange.head(200, { "content-length": "2" })
    await exchange.write("ok")
    exchange.cut()
  })
  const chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
  assert.deepEqual(await talk(server.url, GET), {
    text: "HTTP/1.1 200 Status\r\ncontent-length: 2\r\n\r\nok",
    ending: "closed",
  })
  await talk(server.otherUrl, chunked)
  const [first, second] = [await server.request(0), await server.request(1)]
  assert.deepEqual([first.method, first.path, `${first.origin}/`], ["GET", "/a?b=c", server.url])
  assert.equal(utf8(first.headers["last-event-id"]), "…")
  assert.equal(first.headers["x"], "1, 2")
  assert.equal(first.head.toString(), GET)
  assert.deepEqual([second.method, `${second.origin}/`, second.body.toString()], ["POST", server.otherUrl, "abcd"])
})

test("a body can be complete, cut or reset, and the client can tell which", async (t) => {
  const body = "HTTP/1.1 200 Status\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"
  for (const [ending, text, how] of [
    ["END", `${body}0\r\n\r\n`, "closed"],
    ["TRUNC", body, "closed"],
    ["RESET", body, "ECONNRESET"],
  ] as const) {
    const server = await serveFaults(
      t,
      play([{ status: 200, body: ["a", { wait: 20 }, { do: ending }, { do: "TRUNC" }] }]),
    )
    assert.deepEqual(await talk(server.url, GET), { text, ending: how })
  }
})

test("a complete response keeps the connection for the next request; each attempt gets its response, and later ones the last", async (t) => {
  const server = await serveFaults(
    t,
    play([
      { status: 503, headers: { "retry-after": { httpDateInMs: 0 } }, body: [{ do: "END" }] },
      { status: 307, headers: { location: { otherOrigin: "/moved" } }, body: [{ do: "END" }] },
      { status: 204, body: [{ do: "END" }] },
      { status: 200, headers: { connection: "close" }, body: ["x", { do: "END" }] },
    ]),
  )
  const { text } = await talk(server.url, GET.repeat(4))
  assert.match(text, /503.*retry-after: \w{3}, .*GMT\r\n.*0\r\n\r\nHTTP\/1.1 307/s)
  assert.match(
    text,
    new RegExp(`location: ${server.otherUrl}moved\r\n.*0\r\n\r\nHTTP/1.1 204 Status\r\n\r\nHTTP/1.1 200`, "s"),
  )
  assert.match(text, /\r\n\r\nx$/)
})

test("each part of a compressed body can be read when it was written", async (t) => {
  let carryOn = (): void => {}
  const server = await serveFaults(t, async (exchange) => {
    await exchange.open()
    await exchange.end()
    carryOn()
  })
  const second = new Promise<void>((resolve) => (carryOn = resolve))
  const zipped = await serveFaults(t, async (exchange) => {
    await exchange.head(200, {}, { gzip: true })
    await exchange.write("first")
    await second
    await exchange.write("second")
    await exchange.end()
  })
  const reader = (await fetch(zipped.url)).body?.pipeThrough(new TextDecoderStream()).getReader()
  assert.equal((await reader?.read())?.value, "first")
  await fetch(server.url)
  assert.equal((await reader?.read())?.value, "second")
  assert.equal((await reader?.read())?.done, true)
})

test("it reports when the client disconnects, and later steps do not block it", async (t) => {
  const clock = createClock({ quiet })
  const server = await serveFaults(
    t,
    play([
      { status: 200, flood: 1e9 },
      { status: 200, drip: 1e9, body: ["ab"] },
    ]),
    { clock },
  )
  for (const index of [0, 1]) {
    const request = get(server.url)
    await once(request, "response")
    request.destroy()
    const { closed } = await server.request(index)
    await clock.pass(1)
    await closed
    assert.equal(server.requests[index]?.closedAt, clock.now() - 1)
  }
})

test("pages of other origins can request anything when it is enabled, preflights apart", async (t) => {
  const server = await serveFaults(t, play([{ status: 200, body: ["x", { do: "END" }] }]), { cors: true })
  const asking = {
    origin: "http://page",
    "access-control-request-method": "PUT",
    "access-control-request-headers": "x-a",
  }
  const { status, headers } = await fetch(server.url, { method: "OPTIONS", headers: asking })
  assert.equal(status, 204)
  assert.deepEqual(
    ["origin", "methods", "headers", "credentials"].map((name) => headers.get(`access-control-allow-${name}`)),
    ["http://page", "PUT", "x-a", "true"],
  )
  assert.equal((await fetch(server.url, { headers: asking })).headers.get("access-control-allow-origin"), "http://page")
  assert.deepEqual([server.preflights.length, server.requests.length], [1, 1])
})

test("a failing response is reported", async () => {
  const server = await createFaultServer(() => {
    throw new Error("mine")
  })
  await assert.rejects(fetch(server.url))
  await assert.rejects(async () => server.close(), { message: "mine" })
})
