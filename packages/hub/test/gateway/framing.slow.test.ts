import assert from "node:assert/strict"
import { test } from "node:test"
import { testServer } from "../server.ts"
import { rawClient } from "./raw-client.ts"
import { ok, rawUpstream } from "./raw-upstream.ts"

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
/** A body that would be a request of its own, if its length were not sent along. */
const SMUGGLED = "POST /v1/stolen HTTP/1.1\r\nhost: a\r\ncontent-length: 400\r\n\r\n"

const framed = {
  "content-length": [`content-length: ${SMUGGLED.length}`, SMUGGLED],
  chunked: ["transfer-encoding: chunked", `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`],
} as const

/** With and without the client's wish to be asked for its body, which is granted. */
for (const expect of ["", "expect: 100-continue\r\n"]) {
  for (const [framing, [header, body]] of Object.entries(framed)) {
    test(`the body of any method is the provider's to see as a body (${framing}${expect && ", expected"})`, async (t) => {
      const upstream = await rawUpstream(t, {
        answer: ({ line }) => (line.startsWith("HEAD") ? "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" : ok()),
      })
      const server = await testServer(t, { upstream: { url: upstream.url } })
      for (const method of METHODS) {
        const before = upstream.requests.length
        const attacker = await rawClient(t, server.port)
        attacker.send(`${method} /v1/files HTTP/1.1\r\nhost: localhost\r\n${expect}${header}\r\n\r\n`)
        if (expect) await attacker.until(/^HTTP\/1\.1 100 Continue\r\n\r\n/)
        attacker.send(body)
        await attacker.until(/HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n/)
        // the same connection, and another one, of somebody with a key
        attacker.send("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")
        const victim = await fetch(`${server.url}/v1/models`, { headers: { authorization: "Bearer victim's" } })
        assert.equal(await victim.text(), "{}")
        await upstream.until(before + 3)
        const [first, ...others] = upstream.requests.slice(before)
        assert.equal(first?.line, `${method} /v1/files HTTP/1.1`)
        assert.equal(first?.body, SMUGGLED, method)
        assert.equal(first?.headers["expect"], undefined)
        assert.deepEqual(
          others.map(({ line, body: of }) => [line, of]),
          [
            ["GET /v1/models HTTP/1.1", ""],
            ["GET /v1/models HTTP/1.1", ""],
          ],
        )
        assert.equal(others.filter(({ headers }) => headers["authorization"]).length, 1)
      }
    })
  }
}

test("a request with ambiguous framing never reaches the provider", async (t) => {
  const upstream = await rawUpstream(t)
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (const lines of [
    "content-length: 3\r\ncontent-length: 5",
    "content-length: 3, 5",
    "content-length: 3\r\ntransfer-encoding: chunked",
    "transfer-encoding: chunked\r\ncontent-length: 3",
    "transfer-encoding: gzip, chunked",
    "transfer-encoding: chunked, gzip",
    "transfer-encoding: chunked\r\ntransfer-encoding: identity",
    "transfer-encoding: xchunked",
    "content-length: +3",
    "content-length: -1",
    "content-length : 3",
    "content-length: 3\r\n folded: 1",
    "content-length: 0x3",
  ]) {
    for (const method of ["GET", "POST"]) {
      const client = await rawClient(t, server.port)
      client.send(`${method} /v1/files HTTP/1.1\r\nhost: localhost\r\n${lines}\r\n\r\nabc`)
      await client.until(/^HTTP\/1\.1 (?:400|501) /)
      client.socket.destroy()
    }
  }
  assert.deepEqual(upstream.received.join(""), "")
})

test("a header that identifies the caller or the target must not occur twice", async (t) => {
  const upstream = await rawUpstream(t)
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (const name of ["authorization", "x-api-key", "api-key", "host"]) {
    const client = await rawClient(t, server.port)
    const host = name === "host" ? "" : "host: localhost\r\n"
    client.send(`GET /v1/models HTTP/1.1\r\n${host}${name}: localhost\r\n${name}: localhost\r\n\r\n`)
    await client.until(/^HTTP\/1\.1 400 /)
  }
  assert.equal(upstream.requests.length, 0)
})

test("trailers, and headers that the client named in Connection, end at the gateway", async (t) => {
  const upstream = await rawUpstream(t)
  const server = await testServer(t, { upstream: { url: upstream.url } })
  const client = await rawClient(t, server.port)
  client.send(
    "POST /v1/files HTTP/1.1\r\nhost: localhost\r\nconnection: keep-alive, X-Hop, authorization\r\nx-hop: 1\r\nauthorization: Bearer a\r\nkeep-alive: timeout=5\r\nte: trailers\r\ntrailer: x-end\r\nproxy-authorization: Basic a\r\nproxy-connection: keep-alive\r\ncookie: a=b\r\nx-forwarded-for: 1.2.3.4\r\ntransfer-encoding: chunked\r\nx-end-to-end: 1\r\n\r\n3\r\nabc\r\n0\r\nx-end: 1\r\nauthorization: Bearer b\r\n\r\n",
  )
  await client.until(/^HTTP\/1\.1 200 /)
  const [request] = upstream.requests
  assert.deepEqual(Object.keys(request?.headers ?? {}).toSorted(), [
    "accept-encoding",
    "connection",
    "host",
    "transfer-encoding",
    "x-end-to-end",
  ])
  assert.equal(request?.body, "abc")
  assert.doesNotMatch(upstream.received.join(""), /x-end: 1|Bearer/)
})

test("a connection is never upgraded", async (t) => {
  const upstream = await rawUpstream(t, {
    answer({ line }) {
      if (line.includes("silently")) return "HTTP/1.1 101 Switching Protocols\r\n\r\n"
      if (line.includes("switch"))
        return "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"
      return ok()
    },
  })
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (const method of ["GET", "POST"]) {
    const client = await rawClient(t, server.port)
    client.send(
      `${method} /v1/realtime HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n`,
    )
    await client.until(/^HTTP\/1\.1 501 [^]*upgrade_not_supported/)
  }
  assert.equal(upstream.requests.length, 0)
  // Java's client asks for it with each request
  const java = await rawClient(t, server.port)
  java.send(
    "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n",
  )
  await java.until(/^HTTP\/1\.1 200 /)
  assert.doesNotMatch(upstream.received.join(""), /h2c|http2-settings/i)
  // a provider that switches without being asked
  for (const path of ["switch", "switch/silently"]) {
    assert.equal((await fetch(`${server.url}/v1/${path}`)).status, 502)
  }
  assert.equal((await fetch(`${server.url}/v1/models`)).status, 200)
})

test("a response that arrives before the body is passed on at once, and no part of the body is parsed as a request", async (t) => {
  const upstream = await rawUpstream(t, {
    early: (line) => (line.includes("files") ? `HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nno.` : undefined),
  })
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (const [framing, [header, body]] of Object.entries(framed)) {
    const client = await rawClient(t, server.port)
    // large enough to be passed on as it comes
    const length = framing === "chunked" ? header : "content-length: 1000000"
    client.send(`POST /v1/files HTTP/1.1\r\nhost: localhost\r\n${length}\r\n\r\n${body.slice(0, 20)}`)
    const head = await client.until(/^HTTP\/1\.1 413 [^]*no\./)
    assert.match(head, /\r\nconnection: close\r\n/i)
    await client.closed()
  }
  assert.equal((await fetch(`${server.url}/v1/models`)).status, 200)
  assert.equal(upstream.requests.at(-1)?.line, "GET /v1/models HTTP/1.1")
})

test("an incomplete body is incomplete for the provider, too", async (t) => {
  const upstream = await rawUpstream(t)
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (const [at, header] of ["content-length: 1000000", "transfer-encoding: chunked"].entries()) {
    const client = await rawClient(t, server.port)
    client.send(`POST /v1/files HTTP/1.1\r\nhost: localhost\r\n${header}\r\n\r\n3\r\nabc\r\n`)
    while (!upstream.received[at]?.includes("abc")) await new Promise((resolve) => void setTimeout(resolve, 5))
    const gone = new Promise((resolve) => void upstream.connections[at]?.once("close", resolve))
    client.socket.destroy()
    await gone
  }
  assert.equal(upstream.requests.length, 0)
})

test("methods for connections and proxies are refused", async (t) => {
  const upstream = await rawUpstream(t)
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (const method of ["TRACE", "PROPFIND"]) {
    const client = await rawClient(t, server.port)
    client.send(`${method} /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    await client.until(/^HTTP\/1\.1 405 [^]*\r\nallow: GET, /i)
  }
  const client = await rawClient(t, server.port)
  client.send("CONNECT 127.0.0.1:80 HTTP/1.1\r\nhost: localhost\r\n\r\n")
  await client.closed()
  assert.equal(upstream.received.join(""), "")
})

test("a connection that the provider closed while it was idle causes no error", async (t) => {
  // closes each connection as the next request comes, before it says a word
  const counts = new Map<object, number>()
  const upstream = await rawUpstream(t, {
    answer(_request, socket) {
      const count = (counts.get(socket) ?? 0) + 1
      counts.set(socket, count)
      if (count === 1) return ok()
      socket.destroy()
      return undefined
    },
  })
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (let i = 0; i < 30; i++) {
    const init = i % 2 ? { method: "POST", body: `{"n":${i}}` } : {}
    const answer = await fetch(`${server.url}/v1/${i % 2 ? "embeddings" : "models"}`, init)
    assert.equal(answer.status, 200, `request ${i}`)
    await answer.text()
  }
  assert.deepEqual(server.errors, [])
})

test("a provider that also closes new connections gets no third attempt", async (t) => {
  let count = 0
  const upstream = await rawUpstream(t, {
    answer(_request, socket) {
      if (++count === 1) return ok()
      socket.destroy()
      return undefined
    },
  })
  const server = await testServer(t, { upstream: { url: upstream.url } })
  assert.equal((await fetch(`${server.url}/v1/models`)).status, 200)
  assert.equal((await fetch(`${server.url}/v1/models`)).status, 502)
  assert.equal(count, 3)
})
