import assert from "node:assert/strict"
import { once } from "node:events"
import { request, type IncomingMessage } from "node:http"
import { test } from "node:test"
import { testServer } from "./server.ts"

/** The status of a request with exactly these headers; PORT in them stands for the hub's. */
async function statusOf(port: number, method: string, path: string, headers: Record<string, string>): Promise<number> {
  const given = Object.entries(headers).map(([name, value]) => [name, value.replaceAll("PORT", String(port))] as const)
  const body = method === "POST" ? "topic=a&data=b" : undefined
  const req = request({ port, method, path, agent: false, headers: Object.fromEntries(given) })
  req.end(body)
  const [res] = (await once(req, "response")) as [IncomingMessage]
  res.destroy()
  return res.statusCode ?? 0
}

const hosts: [host: string, status: number][] = [
  ["127.0.0.1:PORT", 200],
  ["localhost:PORT", 200],
  ["LOCALHOST:PORT", 200],
  ["[::1]:PORT", 200],
  ["localhost", 200],
  ["127.0.0.1", 200],
  ["localhost:1", 403],
  ["localhost:", 403],
  ["localhost:PORT:PORT", 403],
  ["localhost.:PORT", 403],
  ["evil.example", 403],
  ["evil.example:PORT", 403],
  ["localhost.evil.example:PORT", 403],
  ["evil.example/localhost:PORT", 403],
  ["127.0.0.1.nip.io:PORT", 403],
  ["127.0.0.1@evil.example:PORT", 403],
  ["2130706433:PORT", 403],
  ["0x7f.1:PORT", 403],
  ["0.0.0.0:PORT", 403],
  ["192.168.0.1:PORT", 403],
  ["[::ffff:127.0.0.1]:PORT", 403],
]

test("a hub for this machine only accepts names of this machine, on every path", async (t) => {
  const { port } = await testServer(t, { demo: true })
  for (const [host, status] of hosts) {
    for (const path of ["/", "/events?topic=a"]) {
      assert.equal(await statusOf(port, "GET", path, { host }), status, `${path} for "${host}"`)
    }
    assert.equal(await statusOf(port, "POST", "/publish", { host, ...FORM }), status, `POST for "${host}"`)
  }
})

const FORM = { "content-type": "application/x-www-form-urlencoded" }

test("a health check works with any Host", async (t) => {
  const { port } = await testServer(t)
  for (const host of ["10.1.2.3:PORT", "onward-0.onward", "hub.example"]) {
    assert.equal(await statusOf(port, "GET", "/healthz", { host }), 200, host)
  }
  assert.equal(await statusOf(port, "GET", "/healthz", { host: "a.example", "sec-fetch-site": "cross-site" }), 403)
})

const PUBLIC = ["https://hub.example", "http://hub.example:8080"]

const publicPosts: [headers: Record<string, string>, status: number][] = [
  // as proxies that keep it send it on, with its port or without
  [{ host: "hub.example", origin: "https://hub.example", "sec-fetch-site": "same-origin" }, 200],
  [{ host: "hub.example", origin: "http://hub.example:8080" }, 200],
  [{ host: "hub.example:8080", origin: "http://hub.example:8080" }, 200],
  [{ host: "HUB.example", origin: "https://hub.example" }, 200],
  // rewritten
  [{ host: "127.0.0.1:PORT", origin: "https://hub.example", "sec-fetch-site": "same-origin" }, 200],
  [{ host: "127.0.0.1:PORT", origin: "http://hub.example:8080" }, 200],
  [{ host: "127.0.0.1:PORT", origin: "http://127.0.0.1:PORT" }, 200],
  [{ host: "hub.example" }, 200],
  [{ host: "127.0.0.1:PORT", origin: "http://hub.example" }, 403],
  [{ host: "127.0.0.1:PORT", origin: "https://hub.example:444" }, 403],
  [{ host: "127.0.0.1:PORT", origin: "https://hub.example.evil.example" }, 403],
  [{ host: "127.0.0.1:PORT", origin: "https://a.hub.example" }, 403],
  [{ host: "127.0.0.1:PORT", origin: "https://hub.example", "sec-fetch-site": "cross-site" }, 403],
  [{ host: "127.0.0.1:PORT", origin: "https://hub.example", "sec-fetch-site": "same-site" }, 403],
  [{ host: "hub.example", origin: "https://evil.example" }, 403],
  [{ host: "hub.example", origin: "null" }, 403],
  [{ host: "evil.example", origin: "https://hub.example" }, 403],
  [{ host: "evil.example", origin: "http://evil.example" }, 403],
  [{ host: "hub.example.evil.example" }, 403],
  [{ host: "hub.example." }, 403],
]

test("a page of a public URL can publish with any Host from the proxy, and no other page can", async (t) => {
  for (const host of ["127.0.0.1", "0.0.0.0"]) {
    const { port } = await testServer(t, { host, publicUrls: PUBLIC })
    for (const [headers, status] of publicPosts) {
      const what = `${host} ${JSON.stringify(headers)}`
      assert.equal(await statusOf(port, "POST", "/publish", { ...FORM, ...headers }), status, what)
    }
  }
})

test("a hub for other machines with public URLs accepts these, addresses, and no other name", async (t) => {
  const { port } = await testServer(t, { host: "0.0.0.0", publicUrls: ["https://hub.example", "http://hub:4000"] })
  const path = "/events?topic=a"
  for (const [host, status] of [
    ["hub.example", 200],
    ["hub:4000", 200],
    ["10.1.2.3:PORT", 200],
    ["[2001:db8::1]:PORT", 200],
    ["localhost:PORT", 200],
    ["evil.example:PORT", 403],
  ] as const) {
    assert.equal(await statusOf(port, "GET", path, { host }), status, host)
  }
})

test("a hub for other machines accepts any name", async (t) => {
  const { port } = await testServer(t, { host: "0.0.0.0" })
  assert.equal(await statusOf(port, "GET", "/healthz", { host: "hub.example" }), 200)
})

const posts: [headers: Record<string, string>, status: number][] = [
  [{}, 200],
  [{ origin: "http://127.0.0.1:PORT" }, 200],
  [{ origin: "http://127.0.0.1:PORT", "sec-fetch-site": "same-origin" }, 200],
  [{ "sec-fetch-site": "none" }, 200],
  [{ origin: "null" }, 403],
  [{ origin: "http://evil.example" }, 403],
  [{ origin: "http://localhost:PORT" }, 403],
  [{ origin: "http://127.0.0.1" }, 403],
  [{ origin: "http://127.0.0.1:1" }, 403],
  [{ origin: "http://127.0.0.1:PORT.evil.example" }, 403],
  [{ origin: "http://evil.example/127.0.0.1:PORT" }, 403],
  [{ origin: "file://" }, 403],
  [{ origin: "" }, 403],
  [{ "sec-fetch-site": "cross-site" }, 403],
  [{ "sec-fetch-site": "same-site" }, 403],
  [{ origin: "http://127.0.0.1:PORT", "sec-fetch-site": "cross-site" }, 403],
]

test("a page of another site cannot publish with the user's browser", async (t) => {
  const { port } = await testServer(t)
  for (const [headers, status] of posts) {
    const sent = { host: "127.0.0.1:PORT", ...FORM, ...headers }
    assert.equal(await statusOf(port, "POST", "/publish", sent), status, JSON.stringify(headers))
  }
})

test("a page of another site can link to the page, but can read no stream and embed nothing", async (t) => {
  const { port } = await testServer(t, { demo: true })
  const host = "127.0.0.1:PORT"
  const cross = { host, "sec-fetch-site": "cross-site" }
  assert.equal(await statusOf(port, "GET", "/", { ...cross, "sec-fetch-mode": "navigate" }), 200)
  assert.equal(await statusOf(port, "GET", "/events?topic=a", { ...cross, "sec-fetch-mode": "cors" }), 403)
  assert.equal(await statusOf(port, "GET", "/main.js", { ...cross, "sec-fetch-mode": "no-cors" }), 403)
  assert.equal(await statusOf(port, "POST", "/publish", { ...cross, ...FORM, "sec-fetch-mode": "navigate" }), 403)
})

test("the page runs and shows only its own files, and cannot be framed", async (t) => {
  const { url } = await testServer(t, { demo: true })
  const { headers } = await fetch(`${url}/`)
  const policy = headers.get("content-security-policy") ?? ""
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ]) {
    assert.ok(policy.split("; ").includes(part), part)
  }
  assert.ok(!policy.includes("unsafe"))
  assert.equal(headers.get("x-content-type-options"), "nosniff")
  assert.equal(headers.get("referrer-policy"), "no-referrer")
  const stream = await fetch(`${url}/events?topic=a`)
  assert.equal(stream.headers.get("x-content-type-options"), "nosniff")
  await stream.body?.cancel()
})
