import assert from "node:assert/strict"
import { test, type TestContext } from "node:test"
import { OnwardError } from "../../src/errors.ts"
import {
  canSend,
  checkResponse,
  failed,
  fault,
  hrefOf,
  initOf,
  isForeignGet,
  isUnsent,
  methodOf,
  originOf,
  request,
  withId,
  withQuery,
  type RequestOptions,
} from "../../src/client/request.ts"
import { delayOf, retryAfterOf } from "../../src/client/retry.ts"

const ATTEMPT = { number: 0, lastEventId: "", error: undefined }
const URL_HERE = "https://here.example/events"

/** Sets globals, as in a page of this origin. */
function inPage(t: TestContext, globals: object): void {
  const before = Object.keys(globals).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const)
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
  t.after(() => {
    for (const [name, descriptor] of before)
      if (descriptor) Object.defineProperty(globalThis, name, descriptor)
      else Reflect.deleteProperty(globalThis, name)
  })
}

test("an id is sent in a header if the header contains it unchanged, up to 4,096 bytes", () => {
  for (const id of ["", "a!~", "x".repeat(4_096), "é".repeat(2_048), "a b", "東京"]) assert.ok(canSend(id), id)
  for (const id of ["x".repeat(4_097), "é".repeat(2_049), " a", "a ", "a\u0001b", "a\u007f", "\u00a0a"])
    assert.ok(!canSend(id), id)
})

test("a request has the headers of an event stream, unless the caller sets them", async () => {
  const init = async (options: RequestOptions, id = "") =>
    initOf(options, URL_HERE, { ...ATTEMPT, lastEventId: id }, false)
  assert.deepEqual(await init({}), {
    method: "GET",
    headers: { accept: "text/event-stream", incremental: "?1" },
    credentials: "same-origin",
    cache: "no-store",
    body: null,
  })
  const all = await init({ headers: { Accept: "a/b" }, incremental: false, credentials: "omit", body: "x" }, "é")
  assert.deepEqual(all, {
    method: "POST",
    headers: { accept: "a/b", "last-event-id": "\u00c3\u00a9" },
    credentials: "omit",
    cache: "no-store",
    body: "x",
  })
  const resumed = await initOf({ method: "PUT", body: "x" }, URL_HERE, ATTEMPT, true)
  assert.deepEqual([resumed.method, resumed.body], ["GET", undefined])
  assert.equal((await init({ headers: { "x-token": "1" } })).redirect, "manual")
  for (const name of ["authorization", "content-type", "cache-control", "accept-language"])
    assert.equal((await init({ headers: { [name]: "1" } })).redirect, undefined, name)
  assert.equal((await init({ headers: { "authorization-2": "1" } })).redirect, "manual")
})

test("functions in the options get the attempt, and one that fails is a network error", async () => {
  const attempt = { number: 3, lastEventId: "7", error: undefined }
  const options: RequestOptions = {
    headers: ({ number }) => ({ "x-number": `${number}` }),
    body: async ({ lastEventId }) => lastEventId,
  }
  const { headers, body } = await initOf(options, URL_HERE, attempt, false)
  assert.deepEqual([headers["x-number"], body], ["3", "7"])
  const cause = new Error("no token")
  const failing = initOf({ headers: () => Promise.reject(cause) }, URL_HERE, attempt, false)
  await assert.rejects(failing, { code: "network_error", message: /no token/, cause })
  const invalid = initOf({ headers: { "a b": "secret" } }, URL_HERE, attempt, false)
  await assert.rejects(invalid, { code: "invalid_request", message: /^[^]*Correct `headers`\.$/ })
})

test("what is wrong with a request is told, and otherwise the network is", async () => {
  const init = async (options: RequestOptions = {}) => initOf(options, URL_HERE, ATTEMPT, false)
  const cause = Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } })
  const failing = (): Promise<never> => Promise.reject(cause)
  for (const [url, options, code, message] of [
    ["ftp://a/", {}, "invalid_request", /begins with "ftp:"/],
    ["/events", {}, "invalid_request", /begins with "\/events:"/],
    ["HTTPS://a/", {}, "network_error", /ECONNREFUSED/],
    ["data:text/plain,", {}, "network_error", /ECONNREFUSED/],
    ["https://user:secret@a/", {}, "invalid_request", /has a password/],
    ["https://a/?mail=me@a", {}, "network_error", /ECONNREFUSED/],
    ["https://a/", { method: "TRACE" }, "invalid_request", /Correct the options/],
    ["https://a/", { method: "GET", body: "x" }, "invalid_request", /Correct the options/],
    ["https://a/", { body: "x" }, "network_error", /ECONNREFUSED/],
  ] as const) {
    await assert.rejects(request(failing, url, await init(options)), { code, message, status: 0 }, url)
  }
  const own = new OnwardError("redirect_refused", "own", { status: 301 })
  await assert.rejects(
    request(() => Promise.reject(own), "ftp://a/", await init()),
    own,
  )
  const thrower = (): never => {
    throw cause
  }
  await assert.rejects(request(thrower, "https://a/", await init()), { code: "network_error", cause })
  for (const response of [undefined, {}, { headers: {} }])
    await assert.rejects(request((async () => response) as never, URL_HERE, await init()), { code: "invalid_request" })
})

test("a relative URL is one of the page, and outside a page it is refused without its secrets", (t) => {
  const message = '"//there/" is not a URL outside a page. Use an absolute URL like "http://localhost:3000/events".'
  assert.throws(() => hrefOf("//me:secret@there/?token=1#2"), { name: "TypeError", message })
  assert.throws(() => hrefOf("http://", "https://a/"), { message: /^"http:\/\/" is not a URL\. / })
  assert.equal(hrefOf("b?c", "https://a/x"), "https://a/b?c")
  inPage(t, { location: { href: "https://page.example/a", origin: "https://page.example" } })
  assert.equal(hrefOf("/b"), "https://page.example/b")
  inPage(t, { document: { baseURI: "https://base.example/" } })
  assert.equal(hrefOf("b"), "https://base.example/b")
  inPage(t, { navigator: { product: "ReactNative" } })
  assert.equal(hrefOf("https://a"), "https://a")
})

test("parts of a URL are added and compared as text", () => {
  assert.equal(originOf("https://a:1/b"), "https://a:1")
  assert.equal(originOf("https://a?b"), "https://a")
  assert.equal(originOf("/b"), undefined)
  assert.equal(withQuery("https://a/b#c", "d=1"), "https://a/b?d=1")
  assert.equal(withQuery("https://a/b?c#d", "d=1"), "https://a/b?c&d=1")
  assert.equal(withId("https://a/?last_event_id=1&b=2", "é&"), "https://a/?b=2&last_event_id=%C3%A9%26")
  assert.equal(withId("https://a/?b=2&last_event_id=1#c", "3"), "https://a/?b=2&&last_event_id=3")
  assert.equal(methodOf({ method: "put" }), "PUT")
  assert.deepEqual([methodOf({}), methodOf({ body: "" })], ["GET", "POST"])
})

test("only a GET of a page to another origin needs no header", async (t) => {
  assert.equal(isForeignGet("https://a/", "GET"), false)
  inPage(t, { location: { href: URL_HERE, origin: "https://here.example" }, origin: undefined })
  assert.deepEqual(
    [isForeignGet("https://a/", "GET"), isForeignGet("https://a/", "POST"), isForeignGet(URL_HERE, "GET")],
    [true, false, false],
  )
  const headersTo = async (url: string) => (await initOf({}, url, ATTEMPT, false)).headers["incremental"]
  assert.deepEqual([await headersTo("https://a/"), await headersTo(URL_HERE)], [undefined, "?1"])
  // the origin of a sandboxed page is opaque
  inPage(t, { origin: "null" })
  assert.equal(isForeignGet(URL_HERE, "GET"), true)
  // workerd has an origin, and no page
  inPage(t, { location: { origin: "" } })
  assert.equal(isForeignGet("https://a/", "GET"), false)
})

test("a response is an event stream with status 200 and a body that can be read", () => {
  const response = (status: number, headers: Record<string, string>, more: object = {}) => ({
    ...{ status, url: "", headers: { get: (name: string) => headers[name] ?? null }, body: null },
    ...more,
  })
  const type = "text/event-stream"
  for (const content of [type, "TEXT/Event-Stream ; charset=utf-8", ` ${type};`])
    assert.doesNotThrow(() => checkResponse(response(200, { "content-type": content })))
  for (const [given, code] of [
    [response(200, { "content-type": `${type}s` }), "bad_content_type"],
    [response(200, { "content-type": `x${type}` }), "bad_content_type"],
    [response(200, {}), "bad_content_type"],
    [response(200, { "content-type": type }, { body: {} }), "invalid_request"],
    [response(200, { "content-type": type }, { body: undefined }), "invalid_request"],
    [response(201, { "content-type": type }), "bad_status"],
    [response(302, {}), "bad_status"],
    [response(300, { location: "/" }), "bad_status"],
    [response(301, { location: "/" }), "redirect_refused"],
    [response(399, { location: "/" }), "redirect_refused"],
    [response(400, { location: "/" }), "bad_status"],
    [response(0, {}, { type: "opaqueredirect" }), "redirect_refused"],
  ] as const) {
    const status = code === "invalid_request" ? 0 : given.status
    assert.throws(() => checkResponse(given), { code, status }, `${given.status} ${code}`)
  }
})

test("an error has a cause only if there is one, and the message of the system's error", () => {
  assert.ok(!("cause" in fault("network_error", "a")))
  const cause = new Error("deep")
  assert.deepEqual(
    [fault("network_error", "a", 500, cause).cause, fault("network_error", "a", 500).status],
    [cause, 500],
  )
  for (const [given, message] of [
    [new Error("", { cause: new AggregateError([cause, new Error("other")]) }), /failed: deep\./],
    [{ code: "ECONNRESET" }, /failed: ECONNRESET\./],
    ["text", /failed/],
  ] as const)
    assert.throws(() => failed(given), { code: "network_error", message, status: 0 })
  assert.throws(() => failed(fault("stream_ended", "own")), { code: "stream_ended" })
  for (const [syscall, isIt] of [
    ["connect", true],
    ["getaddrinfo", true],
    ["read", false],
    ["reconnect", false],
    [undefined, false],
  ] as const)
    assert.equal(isUnsent(fault("network_error", "a", 0, { syscall })), isIt, String(syscall))
  assert.equal(isUnsent(undefined), false)
})

test("the random part of a delay doubles up to its limit, and a timer can wait for 24.8 days at most", () => {
  const limits = [0, 1, 2, 3, 4, 5, 6].map((failures) => delayOf({}, failures, 0, 1))
  assert.deepEqual(limits, [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
  assert.equal(delayOf({ base: 10, max: 15 }, 1, 100, 0.5), 107.5)
  assert.equal(delayOf({ base: 10, max: Infinity }, 5_000, 0, 0), 0)
  assert.equal(delayOf({ max: Infinity }, 5_000, 0, 1), 2_147_483_647)
})

test("Retry-After is a number of seconds or a date", () => {
  const now = Date.parse("2024-01-01T00:00:00Z")
  for (const [value, expected] of [
    ["5", 5_000],
    ["0", 0],
    ["-5", 0],
    ["Mon, 01 Jan 2024 00:00:07 GMT", 7_000],
    ["Sun, 31 Dec 2023 00:00:07 GMT", 0],
    ["soon", 0],
    [null, 0],
  ] as const)
    assert.equal(retryAfterOf(value, now), expected, String(value))
})
