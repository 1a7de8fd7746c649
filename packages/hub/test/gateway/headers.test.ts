import assert from "node:assert/strict"
import { test } from "node:test"
import { testServer } from "../server.ts"
import { createProvider } from "./provider.ts"

/** What the answer may say to a client, and no browser acts on. */
const KEPT = {
  "content-type": "application/json",
  "x-request-id": "req_1",
  "retry-after": "7",
  etag: '"1"',
  "x-ratelimit-remaining-requests": "9",
  "openai-processing-ms": "12",
  "www-authenticate": "Bearer",
  "content-range": "bytes 0-1/2",
  "cache-control": "max-age=5",
}

/** What it may not say in the hub's origin, or to the proxy before it. */
const REMOVED = {
  "set-cookie": "a=b",
  "access-control-allow-origin": "*",
  "access-control-allow-credentials": "true",
  "access-control-expose-headers": "x",
  "timing-allow-origin": "*",
  "clear-site-data": '"*"',
  "service-worker-allowed": "/",
  refresh: "0;url=https://evil.invalid",
  "alt-svc": 'h3=":443"',
  "strict-transport-security": "max-age=1",
  "content-security-policy-report-only": "default-src *",
  "x-frame-options": "ALLOWALL",
  nel: "{}",
  "report-to": "{}",
  "reporting-endpoints": 'a="https://evil.invalid"',
  "permissions-policy": "camera=*",
  "cross-origin-opener-policy": "unsafe-none",
  "origin-agent-cluster": "?0",
  "speculation-rules": '"/x"',
  sourcemap: "/x",
  "x-accel-redirect": "/internal",
  "x-sendfile": "/etc/passwd",
  "onward-run": "run_made_up",
  "content-location": "/evil",
  "proxy-authenticate": "Basic",
  "x-hop": "1",
  "keep-alive": "timeout=77",
  location: "https://evil.invalid/",
}

const REWRITTEN = {
  "referrer-policy": ["unsafe-url", "no-referrer"],
  "x-content-type-options": ["sniff", "nosniff"],
  "cross-origin-resource-policy": ["cross-origin", "same-origin"],
  "content-security-policy": ["default-src *", "sandbox; default-src 'none'; frame-ancestors 'none'"],
} as const

test("response headers for the client stay, and those that affect an origin or a proxy are removed", async (t) => {
  const said = Object.entries(REWRITTEN).map(([name, [value]]) => [name, value])
  const provider = await createProvider(t, ({ res }) =>
    res.writeHead(200, { connection: "X-Hop", ...KEPT, ...REMOVED, ...Object.fromEntries(said) }).end("{}"),
  )
  const server = await testServer(t, { upstream: { url: provider.url } })
  for (const init of [{}, { method: "POST", body: "{}" }, { method: "POST", body: '{"stream":true}' }]) {
    const path = "body" in init ? "chat/completions" : "models"
    const { headers } = await fetch(`${server.url}/v1/${path}`, init)
    for (const [name, value] of Object.entries(KEPT)) assert.equal(headers.get(name), value, name)
    for (const [name, value] of Object.entries(REMOVED)) assert.notEqual(headers.get(name), value, name)
    for (const [name, [, value]] of Object.entries(REWRITTEN)) assert.equal(headers.get(name), value, name)
  }
})

test("HTML, scripts and SVG of a provider are downloads in a browser, not pages of the hub's origin", async (t) => {
  const types = [
    "text/html",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
    "text/javascript",
    "application/pdf",
  ]
  let type = ""
  const provider = await createProvider(t, ({ res, req }) =>
    res
      .writeHead(req.url?.endsWith("missing") ? 404 : 200, type === "" ? {} : { "content-type": type })
      .end("<script>alert(1)</script>"),
  )
  const server = await testServer(t, { upstream: { url: provider.url } })
  for (type of [...types, "TEXT/HTML; charset=utf-8", ""]) {
    for (const path of ["files/1/content", "missing"]) {
      const { headers } = await fetch(`${server.url}/v1/${path}`)
      assert.equal(headers.get("content-disposition"), "attachment", type)
      assert.match(headers.get("content-security-policy") ?? "", /^sandbox; default-src 'none'/)
      assert.equal(headers.get("x-content-type-options"), "nosniff")
    }
  }
})

test("a redirect within the provider is rewritten to the gateway, and other redirects are not followed", async (t) => {
  let location = ""
  const provider = await createProvider(t, ({ res }) => res.writeHead(307, { location }).end())
  const server = await testServer(t, { upstream: { url: provider.url } })
  for (const [given, expected] of [
    [`${provider.url}/files/2?a=b`, "/v1/files/2?a=b"],
    ["/api/v1/files/2", "/v1/files/2"],
    ["files/2", "/v1/files/2"],
    ["/elsewhere", null],
    ["//evil.invalid/api/v1/x", null],
    ["https://evil.invalid/api/v1/x", null],
    ["javascript:alert(1)", null],
  ] as const) {
    location = given
    const answer = await fetch(`${server.url}/v1/files/1`, { redirect: "manual" })
    assert.equal(answer.status, 307)
    assert.equal(answer.headers.get("location"), expected, given)
  }
})

test("the provider receives the client's request headers, and none of the hub's origin", async (t) => {
  const provider = await createProvider(t, ({ res }) => res.end("{}"))
  const server = await testServer(t, { upstream: { url: provider.url } })
  const headers = {
    authorization: "Bearer a",
    "openai-organization": "o",
    "anthropic-version": "2023-06-01",
    "idempotency-key": "1",
    "x-stainless-lang": "js",
    accept: "application/json",
    "user-agent": "test",
  }
  const removed = {
    cookie: "a=b",
    "x-forwarded-for": "1.2.3.4",
    forwarded: "for=1.2.3.4",
    "last-event-id": "1",
    "sec-gpc": "1",
    // some servers read another path or method from these
    "x-original-url": "/v1/responses/resp_1",
    "x-rewrite-url": "/v1/responses/resp_1",
    "x-http-method-override": "DELETE",
    "x-http-method": "DELETE",
    "x-method-override": "DELETE",
  }
  await fetch(`${server.url}/v1/models`, { headers: { ...headers, ...removed } })
  const got = provider.calls[0]?.req.headers ?? {}
  for (const [name, value] of Object.entries(headers)) assert.equal(got[name], value, name)
  for (const name of Object.keys(removed)) assert.equal(got[name], undefined, name)
})

test("the gateway's own key replaces all keys of the client, under the header name of its provider", async (t) => {
  const provider = await createProvider(t, ({ res }) =>
    res.writeHead(200, { "content-type": "application/json" }).end("{}"),
  )
  const server = await testServer(t, { upstream: { url: provider.url, key: "sk-own" } })
  const headers = { authorization: "Bearer a", "x-api-key": "a", "api-key": "a", "x-goog-api-key": "a" }
  for (const [path, name, value] of [
    ["models", "authorization", "Bearer sk-own"],
    ["messages", "x-api-key", "sk-own"],
  ] as const) {
    await fetch(`${server.url}/v1/${path}`, { method: "POST", headers, body: "{}" })
    const got = provider.calls.at(-1)?.req.headers ?? {}
    for (const each of Object.keys(headers))
      assert.equal(got[each], each === name ? value : undefined, `${path} ${each}`)
  }
})
