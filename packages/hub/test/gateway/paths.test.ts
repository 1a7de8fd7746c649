import assert from "node:assert/strict"
import { test } from "node:test"
import { testServer } from "../server.ts"
import { rawClient } from "./raw-client.ts"
import { rawUpstream } from "./raw-upstream.ts"

/** The ways of writing a path that servers have read differently, and that no client of a provider writes. */
const REFUSED = [
  "/v1//models",
  "/v1/models/",
  "/v1/models//x",
  "/v1/./models",
  "/v1/x/../models",
  "/v1/x/%2e%2e/models",
  "/v1/x/%2E%2E/models",
  "/v1/x/.%2e/models",
  "/v1/responses/..%2f..%2fmodels",
  "/v1/%2Fmodels",
  "/v1/%6Dodels",
  "/v1/models%00",
  "/v1/models%0d%0ax",
  "/v1/models%2Fx/../y",
  "/v1/models/%2F",
  "/v1/models/a%2F%2E%2E%2Fresponses",
  "/v1/models/..%2Fresponses",
  "/v1/models%5Cx",
  "/v1/models\\x",
  "/v1/models;a=b",
  "/v1/models%3Ba",
  "/v1/models%3Fx",
  "/v1/models%23x",
  "/v1/models#x",
  "/v1/models%252Fx",
  "/v1/models%zz",
  "/v1/models%",
  "/v1/models%c3%bc",
  "/v1/models%FF",
  "/v1/models%ff",
  "/v1//other.invalid/x",
  "/v1/@other.invalid/%2F",
  "/v1/../v1/models",
  "/x/../v1/models",
  "/v1/",
]

test("an ambiguous path is refused", async (t) => {
  const upstream = await rawUpstream(t)
  const server = await testServer(t, { upstream: { url: upstream.url } })
  for (const path of REFUSED) {
    const client = await rawClient(t, server.port)
    client.send(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    await client.until(/^HTTP\/1\.1 400 [^]*invalid_path/)
    client.socket.destroy()
  }
  assert.equal(upstream.received.join(""), "")
})

test("other paths reach the provider unchanged, with their query", async (t) => {
  const upstream = await rawUpstream(t)
  const server = await testServer(t, { upstream: { url: `${upstream.url}/base/` } })
  for (const path of [
    "/models?a=1&a=2&b=%2F..%2F;c",
    "/models/org%2Fname",
    "/models/ft:gpt-4o:org::1",
    "/files/a%20b/content",
    "/files/%C3%BC",
    "/files/a+b,c=d@e!$&'()*~",
    "/@other.invalid/x",
  ]) {
    const client = await rawClient(t, server.port)
    client.send(`GET /v1${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`)
    await client.until(/^HTTP\/1\.1 200 /)
    assert.equal(upstream.requests.at(-1)?.line, `GET /v1/base${path} HTTP/1.1`)
    assert.deepEqual(upstream.requests.at(-1)?.headers["host"], [new URL(upstream.url).host])
  }
})
