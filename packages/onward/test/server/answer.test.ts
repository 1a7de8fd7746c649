import assert from "node:assert/strict"
import { test } from "node:test"
import { systemClock } from "../../src/clock.ts"
import { createHub } from "../../src/hub/index.ts"
import { OnwardError, type OnwardErrorCode } from "../../src/errors.ts"
import {
  answerStream,
  prepareSource,
  problem,
  type Source,
  type SseOptions,
  type StreamAnswer,
  type StreamRequest,
} from "../../src/server/index.ts"
import type { SourceSseOptions } from "../../src/server/options.ts"
import { errorHandlerOf, withDefaults } from "../../src/server/prepared-source.ts"
import { createClock } from "../../src/testing/index.ts"
import { createSink } from "./recording-sink.ts"

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

/** A request for a custom source, or for a subscription. */
const asked = (
  url: string,
  source: Source,
  options: SseOptions = {},
  method = "GET",
): StreamAnswer | Promise<StreamAnswer> =>
  answerStream({ method, url, header: () => undefined, onLeave: () => () => {} }, source, options)

/** A source without events. */
const own: AsyncIterable<string> = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) }

test("HEAD is answered as GET is, without a stream", async () => {
  for (const source of [own, hub.subscribe({ topics: ["a"] })]) {
    const [get, head] = [await asked("/", source), await asked("/", source, {}, "HEAD")]
    assert.deepEqual([head.status, head.headers], [200, get.headers])
    assert.deepEqual([typeof get.start, head.start], ["function", undefined])
  }
})

/** The first text of a stream. */
async function openingOf(url: string, source: Source, options: SseOptions = {}): Promise<string | undefined> {
  const sink = createSink(createClock())
  ;(await asked(url, source, options)).start?.(sink)
  sink.owner?.onClose()
  return sink.texts[0]?.[1]
}

test("a stream begins with its heartbeat, its padding, and the time to reconnect", async () => {
  const subscription = hub.subscribe({ topics: ["a"] })
  for (const source of [subscription, own]) {
    assert.equal(await openingOf("/", source), ": heartbeat 15000\n")
    assert.equal(await openingOf("/", source, { retry: 0 }), ": heartbeat 15000\nretry: 0\n")
    assert.equal(await openingOf("/", source, { padding: 3 }), ": heartbeat 15000\n: ---\n")
  }
  assert.equal(await openingOf("/?transport=poll", subscription), ": heartbeat 15000\nretry: 1000\n")
  assert.equal(await openingOf("/?transport=poll", subscription, { retry: 7 }), ": heartbeat 15000\nretry: 7\n")
  assert.equal(await openingOf("/", own, { heartbeat: Infinity }), ": \n")
  assert.equal((await openingOf("/", own, { padding: 65_536 }))?.length, ": heartbeat 15000\n: \n".length + 65_536)
  for (const options of [{ padding: 65_537 }, { padding: -1 }, { retry: -1 }, { retry: 0.5 }, { flushAfter: 0 }]) {
    assert.throws(() => asked("/", own, options), TypeError)
  }
})

test("a source function is told the client's position, and no other start point", async () => {
  for (const [url, expected] of [
    ["/?last_event_id=7", "7"],
    ["/?last_event_id=earliest", "earliest"],
    ["/?last=7", undefined],
    ["/?latest", undefined],
    ["/", undefined],
  ] as const) {
    const told: unknown[] = []
    await asked(url, ({ lastEventId }) => void told.push(lastEventId))
    assert.deepEqual(told, [expected], url)
  }
  assert.equal((await asked("/", () => null)).status, 204)
})

test("a subscription that has its start does not look at the request's", async () => {
  const { subscription } = await hub.subscribe({ topics: ["a"] }).resolve()
  assert.equal((await asked("/?last=many", subscription)).status, 200)
  assert.equal((await asked("/?last=many", hub.subscribe({ topics: ["a"] }))).status, 400)
})

test("a stream of one's own asks proxies not to buffer, and is compressed by itself", async () => {
  const { headers, isAlone } = await asked("/?transport=poll", own)
  assert.deepEqual([headers["incremental"], isAlone], ["?1", true])
  assert.equal((await asked("/", hub.subscribe({ topics: ["a"] }))).isAlone, undefined)
})

test("the adapter chooses a coding if compression is asked for, and the coding that is preferred", async () => {
  for (const source of [own, hub.subscribe({ topics: ["a"] })]) {
    for (const method of ["GET", "HEAD"]) {
      for (const [compress, expected] of [
        [undefined, undefined],
        ["shared", "gzip"],
        [{ prefer: "zstd" }, "zstd"],
        [{ prefer: "gzip" }, "gzip"],
      ] as const) {
        const request: StreamRequest = {
          ...{ method, url: "/", header: () => undefined, onLeave: () => () => {} },
          negotiate: (headers, preferred) => ({ headers: { ...headers, chosen: preferred }, coding: preferred }),
        }
        const { headers, coding } = await answerStream(request, source, compress && { compress })
        assert.equal(headers["chosen"], expected)
        assert.equal(headers["cache-control"], "no-store, no-transform")
        if (method === "GET") assert.equal(coding, expected)
      }
    }
    const { coding } = await asked("/", source, { compress: "shared" })
    assert.equal(coding, undefined, "where no coding is supported")
  }
})

test("an error that the client caused is answered, and no other is hidden from onError", async () => {
  for (const [error, status, isTold] of [
    [new OnwardError("invalid_start", "wrong"), 400, false],
    [new OnwardError("run_expired", "over"), 410, false],
    [new OnwardError("log_unavailable", "down"), 503, true],
    [new OnwardError("bad_status", "wrong", { status: 401 }), 500, true],
    [new Error("wrong"), 500, true],
  ] as const) {
    const told: unknown[] = []
    const given = await asked("/", () => Promise.reject(error), { onError: (each) => told.push(each) })
    assert.deepEqual([given.status, told], [status, isTold ? [error] : []], String(error))
  }
})

test("a fault of the program is thrown, not answered", async () => {
  const broken = { "onward.subscription": true, clock: systemClock, heartbeat: 1_000, isResolved: false }
  const open = (): never => {
    throw new RangeError("a bug")
  }
  assert.throws(() => asked("/", { ...broken, open } as unknown as Source), RangeError)
  const clock = {
    ...systemClock,
    now() {
      throw new RangeError("a bug")
    },
  }
  assert.throws(() => asked("/", hub.subscribe({ topics: ["a"] }), { clock }), RangeError)
})

test("errors of a source go to the caller's onError, else to that of the source, else to that of the framework", () => {
  const [given, own, framework] = [() => {}, () => {}, () => {}]
  const source = async function* (): AsyncGenerator<string> {}
  const prepared = prepareSource(() => null, { onError: own })
  const handlerOf = (each: Source, options?: SseOptions): unknown =>
    (withDefaults(each, options, { onError: framework }) as SourceSseOptions).onError
  assert.equal(handlerOf(source), framework)
  assert.equal(handlerOf(prepared), own)
  assert.equal(handlerOf(prepareSource(() => null, {})), framework)
  assert.equal(handlerOf(prepared, { onError: given }), given)
  assert.equal(errorHandlerOf(source, {}), errorHandlerOf(source))
  assert.equal(withDefaults(hub.subscribe({ topics: ["a"] }), undefined, { onError: framework }), undefined)
  assert.equal(withDefaults(source, 7 as never, { onError: framework }), 7, "it is refused later")
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
