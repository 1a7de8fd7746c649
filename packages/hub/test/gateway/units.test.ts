import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, memoryLog } from "onward"
import type { RunObservation } from "onward/runs"
import { createAbandonment } from "../../src/gateway/abandonment.ts"
import { ownerOf } from "../../src/gateway/caller.ts"
import { answerCors } from "../../src/gateway/cors.ts"
import { answerHeaders, checkRequest, requestHeaders, sideHeaders } from "../../src/gateway/headers.ts"
import { givenId, isName, partsOf, runIdOf } from "../../src/gateway/kinds.ts"
import { createNames } from "../../src/gateway/names.ts"
import { readPath } from "../../src/gateway/path.ts"
import { createReferenceScan, type ReferenceScan } from "../../src/gateway/references.ts"
import { retryAfterOf } from "../../src/gateway/retry-after.ts"
import { routeOf } from "../../src/gateway/routes.ts"
import { toUpstream } from "../../src/gateway/settings.ts"
import { createTopLevel } from "../../src/gateway/top-level.ts"

test("a provider's wait is read from each of its headers, and 0 stands for none", () => {
  const now = Date.parse("Tue, 01 Dec 2026 12:00:00 GMT")
  const cases: [headers: Record<string, string>, ms: number][] = [
    [{}, 0],
    [{ "retry-after": "2" }, 2_000],
    [{ "retry-after": "0" }, 0],
    [{ "retry-after": "-5" }, 0],
    [{ "retry-after": "soon" }, 0],
    [{ "retry-after": "Tue, 01 Dec 2026 12:00:07 GMT" }, 7_000],
    [{ "retry-after": "Tue, 01 Dec 2026 11:00:00 GMT" }, 0],
    [{ "retry-after-ms": "250", "retry-after": "9" }, 250],
    [{ "retry-after-ms": "1", "retry-after": "9" }, 1],
    [{ "retry-after-ms": "0", "retry-after": "9" }, 9_000],
    [{ "x-should-retry": "false", "retry-after": "9" }, Infinity],
    [{ "x-should-retry": "true" }, 0],
  ]
  for (const [headers, ms] of cases) assert.equal(retryAfterOf(headers, now), ms, JSON.stringify(headers))
})

test("each request has the route of what it concerns", () => {
  const answer = (kind: string, id: string, rest = ""): object => ({ type: "answer", kind, id, rest })
  const cases: [method: string, path: string, route: object][] = [
    ["POST", "chat/completions", { type: "create", kind: "chat" }],
    ["GET", "chat/completions", { type: "unknown" }],
    ["GET", "chat/completions/c1", answer("chat", "c1")],
    ["GET", "chat/completions/c1/messages/m", answer("chat", "c1", "messages/m")],
    ["GET", "chat/other", { type: "thing", family: "/chat", id: "other" }],
    ["GET", "other/completions", { type: "thing", family: "/other", id: "completions" }],
    ["POST", "responses", { type: "create", kind: "responses" }],
    ["GET", "responses", { type: "unknown" }],
    ["POST", "responses/compact", { type: "refer" }],
    ["POST", "responses/input_tokens", { type: "refer" }],
    ["GET", "responses/compact", answer("responses", "compact")],
    ["POST", "responses/compact/x", answer("responses", "compact", "x")],
    ["POST", "responses/r1", answer("responses", "r1")],
    ["POST", "responses/r1/cancel", answer("responses", "r1", "cancel")],
    ["POST", "messages", { type: "create", kind: "messages" }],
    ["GET", "messages", { type: "other" }],
    ["GET", "messages/run_1", answer("messages", "run_1")],
    ["GET", "messages/run_1/a/b", answer("messages", "run_1", "a/b")],
    ["GET", "messages/batches", { type: "thing", family: "/messages", id: "batches" }],
    ["GET", "x/Responses", { type: "unknown" }],
    ["GET", "x/chat/Completions", { type: "unknown" }],
    ["GET", "models", { type: "other" }],
    ["GET", "models/m", { type: "other" }],
    ["POST", "models/m", { type: "refer" }],
    ["POST", "embeddings", { type: "refer" }],
    ["GET", "files/f1", { type: "thing", family: "/files", id: "f1" }],
    ["POST", "files/f1", { type: "thing", family: "/files", id: "f1" }],
  ]
  for (const [method, path, route] of cases) assert.deepEqual(routeOf(method, path.split("/")), route, method + path)
})

test("a path is split into its prefix, its decoded segments and its query", () => {
  assert.deepEqual(readPath("/ollama/v1/models/org%2Fname?a=1"), {
    ...{ path: "/models/org%2Fname", search: "?a=1", prefix: "/ollama" },
    segments: ["models", "org/name"],
  })
  assert.throws(() => readPath("/v1/files/org%2Fname"), { status: 400, code: "invalid_path" })
})

test("an upstream is a base URL, with the models or the path that it is for", () => {
  const url = "https://api.example/v1"
  assert.deepEqual(toUpstream(url), { url })
  assert.deepEqual(toUpstream(`claude-*=${url}`), { url, models: "claude-*" })
  assert.deepEqual(toUpstream(`gpt=${url}`), { url, models: "gpt" })
  assert.deepEqual(toUpstream(`/ollama=${url}`), { url, prefix: "ollama" })
  assert.deepEqual(toUpstream(`${url}?`.slice(0, -1)), { url })
  for (const text of ["", "api", "ftp://a", `${url}?a=1`, `${url}#a`])
    assert.throws(() => toUpstream(text), /a base URL/)
  for (const text of ["https://user@a", "https://:word@a"]) assert.throws(() => toUpstream(text), /without a key/)
  for (const scope of ["", "/v1", "/A", "/a/b", "a*b", "a b"])
    assert.throws(() => toUpstream(`${scope}=${url}`), /a model/)
})

test("callers with equal credentials are one owner, in whichever place providers take them", () => {
  const one = ownerOf({ authorization: "Bearer a" }, "")
  assert.equal(ownerOf({ authorization: "Bearer a", accept: "x" }, "?stream=true"), one)
  const owners = [
    one,
    ownerOf({}, ""),
    ownerOf({ authorization: "Bearer b" }, ""),
    ...["api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"].map((name) =>
      ownerOf({ [name]: "a" }, ""),
    ),
    ...["key", "api_key", "api-key", "subscription-key", "access_token"].map((name) => ownerOf({}, `?${name}=a`)),
    ...["?key=a&key=b", "?key=b&key=a"].map((search) => ownerOf({}, search)),
  ]
  assert.equal(new Set(owners).size, owners.length)
  assert.equal(runIdOf(one, "r"), `${one.slice(0, 32)}/r`)
})

test("headers of the hub's origin, of a connection and of a page stay where they are", () => {
  const sent = {
    connection: "close, X-Mine",
    "x-mine": "1",
    cookie: "a",
    host: "h",
    "x-forwarded-for": "1",
    accept: "a",
  }
  assert.deepEqual(requestHeaders(sent), { accept: "a" })
  const toLocal = (url: string): string | undefined => (url === "/there" ? "/here" : undefined)
  const answer = (headers: object) => answerHeaders(headers as never, toLocal)
  assert.partialDeepStrictEqual(answer({ location: "/there", "content-type": "application/json" }), {
    ...{ location: "/here", "cache-control": "no-store", "content-type": "application/json" },
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
  })
  assert.ok(!("location" in answer({ location: "https://other.example/" })))
  assert.ok(!("location" in answer({})))
  assert.equal(answer({ "cache-control": "max-age=1" })["cache-control"], "max-age=1")
  for (const type of ["text/html", "image/svg+xml", "application/pdf", undefined]) {
    const headers = answer(type === undefined ? {} : { "content-type": type })
    assert.equal(headers["content-disposition"], "attachment", String(type))
  }
  assert.ok(!("content-disposition" in answer({ "content-type": "application/json" })))
  assert.deepEqual(sideHeaders({ "x-request-id": "1", "x-ratelimit-limit": "2", date: "d", "set-cookie": ["a"] }), {
    ...{ "x-request-id": "1", "x-ratelimit-limit": "2" },
  })
})

test("requests that two servers can read differently are refused", () => {
  const check = (headers: Record<string, string>, rawHeaders: string[] = [], method: string | undefined = "POST") =>
    checkRequest({ method, headers, rawHeaders } as never)
  check({ "transfer-encoding": "Chunked", upgrade: "H2C" }, ["Host", "a", "x", "host", "Authorization", "b"])
  assert.throws(() => check({}, [], "TRACE"), { status: 405 })
  assert.throws(() => check({ "transfer-encoding": "gzip, chunked" }), { status: 501 })
  assert.throws(() => check({ upgrade: "websocket" }), { status: 501 })
  for (const name of ["Host", "Authorization", "X-API-Key"]) {
    assert.throws(() => check({}, [name, "a", name.toLowerCase(), "a"]), { status: 400, code: "repeated_header" }, name)
  }
})

test("ids of a provider are found in its frames, and only those that fit into a path", () => {
  assert.equal(givenId({ id: "c1" }), "c1")
  assert.equal(givenId({ id: "c1", response: { id: "r1" } }), "r1")
  assert.equal(givenId({ id: "c1", response: null }), "c1")
  for (const frame of [undefined, "[DONE]", {}, { id: 1 }, { id: "a/b" }, { response: "x" }] as const) {
    assert.equal(givenId(frame), undefined)
  }
  assert.deepEqual([isName("x".repeat(200)), isName("x".repeat(201)), isName("")], [true, false, false])
  const item = {
    item: { id: "i1", container_id: "c1" },
    message: { container: { id: "c2" } },
    delta: { container: null },
  }
  assert.deepEqual(
    partsOf(item).map(({ path, id }) => `${path} ${id}`),
    ["/items i1", "/containers c1", "/containers c2"],
  )
  assert.deepEqual([partsOf("[DONE]"), partsOf({}), partsOf({ item: { id: 1 } })], [[], [], []])
})

/** What a scan finds in a text, however the text is cut. */
function scan(text: string | Uint8Array, path = "/responses"): ReferenceScan {
  const bytes = Buffer.from(text as string)
  const scans = [1, 3, bytes.length].map((size) => {
    const each = createReferenceScan(path)
    for (let at = 0; at < bytes.length; at += size) each.push(bytes.subarray(at, at + size))
    return each
  })
  for (const each of scans) assert.deepEqual([each.found, each.isOpaque], [scans[0]?.found, scans[0]?.isOpaque])
  return scans[0] as ReferenceScan
}

const foundIn = (text: string, path?: string): string[] =>
  scan(text, path).found.map(({ path: of, id }) => `${of} ${id}`)

test("references are found under each name and spelling, at any depth, each once", () => {
  assert.deepEqual(foundIn('{"previous_response_id":"r","a":[{"fileId":"f","file_id":"f"}],"file-ids":["g",["h"]]}'), [
    ...["/responses r", "/files f", "/files g", "/files h"],
  ])
  assert.deepEqual(foundIn('{"conversation":{"id":"c"},"container":"d","prompt":{"id":"p","version":"1"}}'), [
    ...["/conversations c", "/containers d", "/prompts p"],
  ])
  assert.deepEqual(foundIn('{"thread_id":1,"batch_id":null,"file_id":true}'), [
    "/threads undefined",
    "/files undefined",
  ])
  assert.deepEqual(foundIn('{"metadata":{"file_id":"a"},"tools":[{"parameters":{"file_id":"a"}}],"file_id":"b"}'), [
    "/files b",
  ])
  assert.deepEqual(foundIn('{"input":[{"id":"i"}],"id":"own"}'), ["/items i"])
  assert.deepEqual(foundIn('{"input":[{"id":"i"}]}', "/conversations/c"), ["/items i"])
  assert.deepEqual(foundIn('{"input":[{"id":"i"}]}', "/chat/completions"), [])
  assert.deepEqual(foundIn('{"input":{"file_id":"a"},"file_id":"b"}', "/messages"), ["/files b"])
  assert.deepEqual(foundIn('{"input":{"file_id":"a"},"file_id":"b"}'), ["/files a", "/files b"])
  assert.deepEqual(foundIn('{"f\\u0069le_id":"\\u0061","x":"\\"file_id\\":\\"b\\""}'), ["/files a"])
  assert.deepEqual(foundIn('["file_id","a"]'), [])
  assert.deepEqual(foundIn('{"a":"file_id","b":"x"}'), [])
  assert.deepEqual(foundIn(`{"a":"${"\\\\".repeat(2_000)}","file_id":"b"}`), ["/files b"])
  assert.deepEqual(foundIn(`{"file_id":"${"x".repeat(1_534)}"}`)[0]?.length, 1_541)
  assert.deepEqual(foundIn(`{"file_id":"${"x".repeat(1_535)}","b":1}`), ["/files undefined"])
  assert.deepEqual(foundIn(`{"${"x".repeat(2_000)}":"a","file_id":"b"}`), ["/files b"])
})

test("a body that hides its references is noticed", () => {
  const list = (count: number): string => JSON.stringify({ file_ids: Array.from({ length: count }, (_, i) => `f${i}`) })
  assert.deepEqual([scan(list(200)).isOpaque, scan(list(200)).found.length], [false, 200])
  assert.ok(scan(list(201)).isOpaque)
  assert.ok(!scan(`{"file_ids":[${'"f",'.repeat(500)}"f"]}`).isOpaque)
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth)
  assert.deepEqual([scan(nested(1_000)).isOpaque, scan(nested(1_001)).isOpaque], [false, true])
  assert.ok(!scan(nested(600) + nested(600)).isOpaque)
  assert.ok(scan(Buffer.from('{"a":1}', "utf16le")).isOpaque)
})

test("a member's name can have 256 bytes, and its value 2,048", () => {
  const valuesIn = (text: string, name = "model"): readonly unknown[] => {
    const top = createTopLevel([name])
    top.push(Buffer.from(text))
    return top.valuesOf(name)
  }
  assert.equal(String(valuesIn(`{"model":"${"m".repeat(2_046)}"}`)[0]).length, 2_046)
  assert.deepEqual(valuesIn(`{"model":"${"m".repeat(2_047)}"}`), [undefined])
  for (const [length, found] of [
    [254, [1]],
    [255, []],
  ] as const) {
    const name = "n".repeat(length)
    assert.deepEqual(valuesIn(`{"${name}":1}`, name), found)
  }
})

test("an owner finds what is stored for an id, the newest first, and learns that others have it", async () => {
  const log = memoryLog()
  const hub = createHub({ log })
  const names = createNames(log, hub)
  const named = (owner: string, upstream: string): { owner: string; upstream: string } => ({ owner, upstream })
  assert.deepEqual(await names.find("/files", "f", "ada"), { isOthers: false })
  await names.add("/files", "f", named("bob", "1"))
  await names.add("/files", "a/b", named("bob", "1"))
  assert.deepEqual(await names.find("/files", "f", "ada"), { isOthers: true })
  assert.deepEqual(await names.find("/batches", "f", "ada"), { isOthers: false })
  assert.deepEqual(await names.find("/files", "a/b", "ada"), { isOthers: false })
  for (let i = 0; i < 150; i++) await names.add("/files", "f", named("ada", `${i}`))
  assert.deepEqual(await names.find("/files", "f", "ada"), { mine: named("ada", "149"), isOthers: false })
  await hub.close()
})

test("a run is stopped when it had no viewer for its time, unless another process had one", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const stopped: string[] = []
  let viewers = 0
  const errors: unknown[] = []
  const abandonment = createAbandonment({
    after: 1_000,
    runsOf: (path) =>
      ({
        status: async () => ({ metrics: { viewers } }),
        stop: async (id: string, { owner }: { owner: string }) => void stopped.push(`${path} ${id} ${owner}`),
      }) as never,
    onError: (error) => errors.push(error),
  })
  const on = (type: RunObservation["type"], id = "r"): void => abandonment.onEvent("/p", { type, id } as RunObservation)
  const pass = async (ms: number): Promise<void> => {
    t.mock.timers.tick(ms)
    for (let i = 0; i < 10; i++) await Promise.resolve()
  }
  on("start", "not owned")
  abandonment.own("r", "ada")
  on("start")
  await pass(999)
  on("attach")
  viewers = 1
  on("first")
  await pass(5_000)
  assert.deepEqual(stopped, [])
  on("attach")
  on("leave")
  await pass(5_000)
  assert.deepEqual(stopped, [])
  viewers = 3
  on("leave")
  await pass(1_000)
  assert.deepEqual(stopped, [], "another process had a viewer")
  viewers = 2
  await pass(999)
  assert.deepEqual(stopped, [])
  await pass(1)
  assert.deepEqual(stopped, ["/p r ada"])
  abandonment.own("s", "ada")
  on("start", "s")
  on("end", "s")
  abandonment.own("t", "ada")
  on("start", "t")
  abandonment.close()
  await pass(5_000)
  assert.deepEqual([stopped.length, errors], [1, []])
})

test("pages of listed origins may read a response, and ask before they send a request", () => {
  const answer = (headers: Record<string, string>, method = "OPTIONS", origins = ["https://a.example"]): unknown[] => {
    const sent: Record<string, string> = {}
    let status = 0
    const res = {
      setHeader: (name: string, value: string) => void (sent[name] = value),
      writeHead(code: number, more: object) {
        status = code
        Object.assign(sent, more)
        return { end() {} }
      },
    }
    return [answerCors({ method, headers } as never, res as never, origins), status, sent]
  }
  const origin = "https://a.example"
  const asks = { origin, "access-control-request-method": "POST" }
  const allowed = { vary: "Origin", "access-control-allow-origin": origin, "access-control-expose-headers": "*" }
  const methods = {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-max-age": "600",
  }
  assert.deepEqual(answer(asks, "OPTIONS", []), [false, 0, {}])
  for (const headers of [{}, { ...asks, origin: "https://b.example" }]) {
    assert.deepEqual(answer(headers), [false, 0, { vary: "Origin" }])
  }
  assert.deepEqual(answer(asks, "GET"), [false, 0, allowed])
  assert.deepEqual(answer({ origin }), [false, 0, allowed])
  assert.deepEqual(answer(asks), [true, 204, { ...allowed, ...methods }])
  const named = { "access-control-request-headers": "x-a" }
  const expected = { ...allowed, ...methods, "access-control-allow-headers": "x-a" }
  assert.deepEqual(answer({ ...asks, ...named }), [true, 204, expected])
})
