import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { testServer, type TestServer } from "./server.ts"

const APP = "https://app.example.com"
const OTHER = "https://other.example.com"

const listed = (t: TestContext, credentials = false): Promise<TestServer> =>
  testServer(t, { cors: { origins: [APP], credentials }, limits: { topics: 1 } })

const post = (url: string, headers: Record<string, string>): Promise<Response> =>
  fetch(`${url}/publish`, { method: "POST", headers, body: new URLSearchParams({ topic: "a", data: "x" }) })

const allowed = ({ headers }: Response): (string | null)[] =>
  ["access-control-allow-origin", "access-control-allow-credentials", "vary"].map((name) => headers.get(name))

test("a page of a listed origin publishes and reads, and learns why a request is refused", async (t) => {
  const { url } = await listed(t)
  const headers = { origin: APP, "sec-fetch-site": "cross-site" }
  const published = await post(url, headers)
  assert.deepEqual([published.status, ...allowed(published)], [200, APP, null, "Origin"])
  const stream = await fetch(`${url}/events?topic=a&last=1`, { headers })
  assert.deepEqual([stream.status, ...allowed(stream)], [200, APP, null, "Origin"])
  await stream.body?.cancel()
  for (const path of ["/events", "/events?topic=a&topic=b", "/nothing", "/presence?topic=a"]) {
    const refused = await fetch(url + path, { headers })
    assert.ok(refused.status >= 400, path)
    assert.deepEqual(allowed(refused), [APP, null, "Origin"], path)
    assert.match(refused.headers.get("access-control-expose-headers") ?? "", /\bretry-after\b/)
  }
})

test("cookies of listed origins are accepted only with credentials enabled", async (t) => {
  const { url } = await listed(t, true)
  assert.deepEqual(allowed(await post(url, { origin: APP })), [APP, "true", "Origin"])
  assert.deepEqual(allowed(await post(url, { origin: OTHER })), [null, null, "Origin"])
})

test("a preflight request of a listed origin gets a response, and one of another origin is refused", async (t) => {
  const { url } = await listed(t)
  const preflight = (origin: string): Promise<Response> =>
    fetch(`${url}/publish`, { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } })
  const answer = await preflight(APP)
  assert.equal(answer.status, 204)
  assert.equal(answer.headers.get("access-control-allow-methods"), "POST")
  assert.match(answer.headers.get("access-control-allow-headers") ?? "", /authorization, content-type, last-event-id/)
  assert.deepEqual([(await preflight(OTHER)).status, (await preflight("null")).status], [403, 403])
})

test("every origin is allowed by *, without cookies", async (t) => {
  const { url } = await testServer(t, { cors: { origins: ["*"] } })
  assert.deepEqual(
    [(await post(url, { origin: OTHER })).status, ...allowed(await post(url, { origin: OTHER }))],
    [200, "*", null, null],
  )
})

test("a page of an unlisted origin opens no stream, also when its browser sends no Sec-Fetch-Site", async (t) => {
  for (const { url } of [await testServer(t), await listed(t)]) {
    for (const origin of [OTHER, "null"]) {
      const refused = await fetch(`${url}/events?topic=a`, { headers: { origin } })
      assert.equal(refused.status, 403, origin)
      assert.equal(refused.headers.get("access-control-allow-origin"), null)
    }
    const own = await fetch(`${url}/events?topic=a`, { headers: { origin: new URL(url).origin } })
    assert.equal(own.status, 200)
    await own.body?.cancel()
    // behind a proxy that rewrites Host, the browser still knows that the page is the hub's own
    const same = await fetch(`${url}/events?topic=a`, { headers: { origin: OTHER, "sec-fetch-site": "same-origin" } })
    assert.equal(same.status, 200)
    await same.body?.cancel()
  }
})
