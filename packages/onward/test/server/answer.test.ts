import assert from "node:assert/strict"
import { test } from "node:test"
import { systemClock } from "../../src/clock.ts"
import { createHub } from "../../src/hub/index.ts"
import { OnwardError, type OnwardErrorCode } from "../../src/errors.ts"
import { answerStream, problem, type StreamAnswer, type SseOptions } from "../../src/server/index.ts"

const hub = createHub()

const answered = async (
  method: string,
  headers: Readonly<Record<string, string>> = {},
  options: SseOptions = {},
): Promise<StreamAnswer> =>
  answerStream(
    { method, url: "/", header: (name) => headers[name], onLeave: () => () => {} },
    hub.subscribe({ topics: ["a"] }),
    options,
  )

const accepts: readonly (readonly [accept: string | undefined, status: number])[] = [
  [undefined, 200],
  ["", 200],
  ["text/event-stream", 200],
  ["TEXT/Event-Stream", 200],
  ["text/event-stream; charset=utf-8", 200],
  ["text/*", 200],
  ["*/*", 200],
  ["text/html, */*;q=0.1", 200],
  ["application/json, text/event-stream", 200],
  ["text/event-stream;q=0.001", 200],
  ["*/*;q=0, text/event-stream", 200],
  ["text/*;q=0, text/event-stream;q=1", 200],
  [" text/event-stream ; q=1 , x/y", 200],
  ["text/html", 406],
  ["application/json", 406],
  ["text/event-streams", 406],
  ["text/event-stream;q=0", 406],
  ["text/event-stream;q=0, */*", 406],
  ["text/event-stream;q=0.0, text/*;q=1", 406],
  ["text/*;q=0, */*", 406],
  ["*/*;q=0", 406],
  ["garbage", 406],
  ["text/event-stream;q=high", 406],
]

test("a client that accepts event streams receives one, by the most specific range", async () => {
  for (const [accept, status] of accepts) {
    const given = await answered("GET", accept === undefined ? {} : { accept })
    assert.equal(given.status, status, String(accept))
  }
})

test("there are five methods, and others are told which", async () => {
  for (const method of ["GET", "HEAD", "QUERY", "POST"]) assert.equal((await answered(method)).status, 200, method)
  assert.equal((await answered("OPTIONS")).status, 204)
  for (const method of ["PUT", "DELETE", "PATCH", "TRACE", "get", "query"]) {
    const given = await answered(method)
    assert.equal(given.status, 405, method)
    assert.equal(given.headers.allow, "GET, HEAD, QUERY, POST, OPTIONS")
    assert.equal(given.start, undefined)
  }
})

test("a stream asks proxies not to buffer, unless that is switched off, or it is long polling", async () => {
  const incrementalOf = async (...asked: Parameters<typeof answered>): Promise<string | undefined> =>
    (await answered(...asked)).headers["incremental"]
  for (const method of ["GET", "QUERY", "POST", "HEAD"]) assert.equal(await incrementalOf(method), "?1")
  assert.equal(await incrementalOf("GET", {}, { incremental: false }), undefined)
  assert.equal(await incrementalOf("GET", {}, { headers: { incremental: "?0" } }), "?0")
  assert.equal(await incrementalOf("PUT"), undefined)
  assert.equal(await incrementalOf("GET", { accept: "text/html" }), undefined)
})

const APP = "https://app.example"

/** Origins that are not on the list, though they look much like one that is. */
const strangers = [
  "null",
  "",
  "*",
  "https://app.example.evil.example",
  "https://evil-app.example",
  "https://app.example:8443",
  "https://app.example/",
  "http://app.example",
  "https://APP.example",
  "https://sub.app.example",
  "https://app.exampl",
  "https://\u0430pp.example",
  "https://app.example,https://evil.example",
  `${APP} ${APP}`,
  "constructor",
]

const headersOf = ({ headers }: StreamAnswer): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("access-control-") || name === "vary"))

for (const credentials of [false, true]) {
  test(`listed origins can read, others get no header, ${credentials ? "with" : "without"} credentials`, async () => {
    const cors = { origins: [APP, "https://two.example"], credentials }
    for (const origin of cors.origins) {
      for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
        const headers = headersOf(await answered(method, { origin }, { cors }))
        assert.equal(headers["access-control-allow-origin"], origin)
        assert.equal(headers["access-control-allow-credentials"], credentials ? "true" : undefined)
        assert.equal(headers.vary, "Origin")
        assert.equal(headers["access-control-allow-methods"] !== undefined, method === "OPTIONS")
      }
    }
    for (const method of ["GET", "OPTIONS"]) {
      for (const origin of strangers)
        assert.deepEqual(headersOf(await answered(method, { origin }, { cors })), { vary: "Origin" }, origin)
      assert.deepEqual(headersOf(await answered(method, {}, { cors })), { vary: "Origin" })
    }
  })
}

test("a list that contains null does not open the stream to sandboxes and files", async () => {
  await assert.rejects(answered("GET", { origin: "null" }, { cors: { origins: ["null"] } }), TypeError)
  const given = await answered("GET", { origin: "null" }, { cors: { origins: [] } })
  assert.deepEqual(headersOf(given), { vary: "Origin" })
})

test("a preflight allows what EventSource and fetch need, for ten minutes", async () => {
  const { status, headers } = await answered("OPTIONS", { origin: APP }, { cors: { origins: [APP] } })
  assert.equal(status, 204)
  assert.equal(headers["access-control-allow-methods"], "GET, HEAD, QUERY, POST, OPTIONS")
  assert.equal(headers["access-control-allow-headers"], "authorization, content-type, last-event-id, cache-control")
  assert.equal(headers["access-control-max-age"], "600")
})

test("all origins can be allowed, but never with credentials", async () => {
  const cors = { origins: "*" } as const
  for (const origin of [APP, "null", undefined]) {
    assert.deepEqual(headersOf(await answered("GET", origin === undefined ? {} : { origin }, { cors })), {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "retry-after, content-location",
    })
  }
  await assert.rejects(answered("GET", { origin: APP }, { cors: { ...cors, credentials: true } }), TypeError)
})

test("without a list there is no such header, and responses that are not streams have them too", async () => {
  assert.deepEqual(headersOf(await answered("GET", { origin: APP })), {})
  assert.deepEqual(headersOf(await answered("OPTIONS", { origin: APP })), {})
  const cors = { origins: [APP] }
  const allowed = {
    vary: "Origin",
    "access-control-allow-origin": APP,
    "access-control-expose-headers": "retry-after, content-location",
  }
  assert.deepEqual(headersOf(await answered("DELETE", { origin: APP }, { cors })), allowed)
  assert.deepEqual(headersOf(await answered("GET", { origin: APP, accept: "a/b" }, { cors })), allowed)
  assert.deepEqual(headersOf(await answered("GET", { origin: APP, "last-event-id": "stream.end" }, { cors })), allowed)
  assert.deepEqual(
    headersOf(await answered("GET", { origin: APP, "last-event-id": "x".repeat(2_000) }, { cors })),
    allowed,
  )
})

const statuses: Readonly<Record<OnwardErrorCode, number>> = {
  invalid_message: 400,
  message_too_large: 413,
  event_too_large: 503,
  validation_failed: 422,
  invalid_selector: 400,
  too_many_topics: 400,
  cursor_too_long: 400,
  invalid_start: 400,
  too_many_connections: 503,
  too_many_connections_for_key: 429,
  too_many_patterns: 503,
  too_many_patterns_for_key: 429,
  too_many_filters: 503,
  hub_draining: 503,
  hub_closed: 503,
  log_closed: 503,
  log_full: 503,
  log_readonly: 503,
  log_locked: 503,
  log_corrupt: 503,
  log_denied: 503,
  log_unsupported: 503,
  log_unavailable: 503,
  clock_step: 503,
  presence_too_large: 503,
  source_failed: 503,
  stream_ended: 503,
  network_error: 503,
  bad_status: 503,
  bad_content_type: 503,
  invalid_request: 503,
  redirect_refused: 503,
  connect_timeout: 503,
  idle_timeout: 503,
  event_timeout: 503,
  not_repeatable: 503,
  run_unknown: 404,
  run_expired: 410,
  session_unknown: 404,
}

test("refused clients are told to retry after one to five seconds, each after another time", () => {
  const error = new OnwardError("too_many_connections", "")
  const told = [0, 0.2, 0.5, 0.99].map(
    (random) => problem(error, undefined, { ...systemClock, random: () => random }).headers["retry-after"],
  )
  assert.deepEqual(told, ["1", "2", "3", "5"])
})

test("every error has its status, and clients do not learn details of server errors", () => {
  for (const [code, status] of Object.entries(statuses) as [OnwardErrorCode, number][]) {
    const error = new OnwardError(code, "the reason: /var/lib/secret.db")
    assert.equal(error.status, status, code)
    const { body = "", headers } = problem(error)
    assert.equal(body.includes("secret.db"), !code.startsWith("log_"), code)
    assert.equal(headers["retry-after"] !== undefined, status === 503 || status === 429, code)
    assert.equal(headers["cache-control"], "no-store")
  }
  const relayed = new OnwardError("bad_status", "secret.db answered with status 401", { status: 401 })
  for (const error of [relayed, new Error("secret.db"), "secret.db", undefined, null]) {
    assert.equal(problem(error).status, 500)
    assert.ok(!problem(error).body?.includes("secret.db"))
    assert.equal(problem(error).headers["retry-after"], undefined)
  }
})
