import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { request, type IncomingMessage } from "node:http"
import { connect } from "node:net"
import { join } from "node:path"
import { test } from "node:test"
import { readEvents } from "./read-events.ts"
import { publish, testServer } from "./server.ts"

const JSON_TYPE = { "content-type": "application/json" }
const FORM = { "content-type": "application/x-www-form-urlencoded" }

const published = async (response: Response): Promise<string> => ((await response.json()) as { id: string }).id

const post = (url: string, body: string | Uint8Array, headers: Record<string, string> = JSON_TYPE): Promise<Response> =>
  fetch(`${url}/publish`, { method: "POST", body: body as BodyInit, headers })

test("messages published as a form, as JSON, in a batch and in lines arrive in order with the returned ids", async (t) => {
  const { url } = await testServer(t)
  const ids = [
    await publish(url, { topic: "news/a", data: "1 & 2 = ä", event: "tick", retry: "5000" }),
    await published(await post(url, '{"topic":"news/a","data":{"x":[1,null]}}')),
  ]
  const batch = await post(url, '[{"topic":"news/b","data":"b1","id":"mine"},{"topic":"news/c","data":""}]')
  ids.push(...((await batch.json()) as { ids: string[] }).ids)
  const lines = await post(url, '{"topic":"news/a","data":"l1"}\n\n{"topic":"news/a","data":"l2"}\n', {
    "content-type": "application/x-ndjson; charset=utf-8",
  })
  ids.push(...((await lines.json()) as { ids: string[] }).ids)
  const expected = [
    { event: "tick", data: "1 & 2 = ä" },
    { event: "message", data: '{"x":[1,null]}' },
    { event: "message", data: "b1" },
    { event: "message", data: "" },
    { event: "message", data: "l1" },
    { event: "message", data: "l2" },
  ].map((event, i) => ({ ...event, id: ids[i] }))
  assert.equal(ids[2], "mine")
  assert.deepEqual(await readEvents(`${url}/events?topic=news/*&last=10`, 6), expected)
  assert.deepEqual(await readEvents(`${url}/events?topic=news/:name&last_event_id=earliest`, 6), expected)
  assert.deepEqual(await readEvents(`${url}/events?topic=news/b&topic=news/c&since=1m`, 2), expected.slice(2, 4))
  assert.deepEqual(
    await readEvents(`${url}/events?topic=news/*&last_event_id=${ids[0]}`, 1, { "last-event-id": "mine" }),
    [expected[3]],
    "the header counts more than the query",
  )
})

test("a batch is stored all or nothing", async (t) => {
  const { url } = await testServer(t)
  const response = await post(url, '[{"topic":"a","data":"1"},{"topic":"","data":"2"}]')
  assert.equal(response.status, 400)
  await publish(url, { topic: "a", data: "3" })
  assert.deepEqual(
    (await readEvents(`${url}/events?topic=a&last=10`, 1)).map(({ data }) => data),
    ["3"],
  )
})

test("a repeat with the same idempotency key is harmless", async (t) => {
  const { url } = await testServer(t)
  const ids = [
    await publish(url, { topic: "a", data: "1", idempotencyKey: "k" }),
    await publish(url, { topic: "a", data: "1", idempotencyKey: "k" }),
  ]
  assert.equal(ids[0], ids[1])
})

test("ids and history survive a restart, and a reader resumes", async (t) => {
  const first = await testServer(t)
  const ids: string[] = []
  for (const data of ["1", "2", "3"]) ids.push(await publish(first.url, { topic: "a", data }))
  await first.close()
  const second = await testServer(t, { data: first.data })
  ids.push(await publish(second.url, { topic: "a", data: "4" }))
  const events = await readEvents(`${second.url}/events?topic=a`, 3, { "last-event-id": ids[0] ?? "" })
  assert.deepEqual(
    events.map(({ data, id }) => [data, id]),
    ["2", "3", "4"].map((data, i) => [data, ids[i + 1]]),
  )
})

test("JSON arrives with its numbers unchanged and without prototype pollution", async (t) => {
  const { url } = await testServer(t)
  const data = '{"big":12345678901234567890,"small":1.0e-7,"__proto__":{"polluted":true},"constructor":{"prototype":1}}'
  await post(url, `{"topic":"a","data":${data}}`)
  assert.equal((await readEvents(`${url}/events?topic=a&last=1`, 1))[0]?.data, data)
  assert.equal(({} as { polluted?: boolean }).polluted, undefined)
})

const deep = (depth: number): string => `{"topic":"a","data":${"[".repeat(depth)}${"]".repeat(depth)}}`

const refusals: [
  name: string,
  body: string | Uint8Array,
  headers: Record<string, string>,
  status: number,
  code: string,
][] = [
  ["no content type", new Uint8Array([123, 125]), {}, 415, "unsupported_media_type"],
  ["plain text", "topic=a", { "content-type": "text/plain" }, 415, "unsupported_media_type"],
  ["a multipart form", "x", { "content-type": "multipart/form-data; boundary=x" }, 415, "unsupported_media_type"],
  ["another charset", "{}", { "content-type": "application/json; charset=utf-16" }, 415, "unsupported_media_type"],
  ["a compressed body", "{}", { ...JSON_TYPE, "content-encoding": "gzip" }, 415, "unsupported_encoding"],
  ["nothing", "", JSON_TYPE, 400, "invalid_body"],
  ["half of JSON", '{"topic":"a"', JSON_TYPE, 400, "invalid_body"],
  ["invalid UTF-8", Uint8Array.of(0x22, 0xff, 0x22), JSON_TYPE, 400, "invalid_body"],
  ["invalid UTF-8 in a form", "topic=%ff", FORM, 400, "invalid_body"],
  ["half an escape in a form", "topic=%f", FORM, 400, "invalid_body"],
  ["a number", "1", JSON_TYPE, 400, "invalid_message"],
  ["null in a batch", "[null]", JSON_TYPE, 400, "invalid_message"],
  ["a list in a batch", "[[]]", JSON_TYPE, 400, "invalid_message"],
  ["no topic", "{}", JSON_TYPE, 400, "invalid_selector"],
  ["an empty form", "", FORM, 400, "invalid_selector"],
  ["a topic that is an object", '{"topic":{}}', JSON_TYPE, 400, "invalid_selector"],
  ["a pattern for a topic", "topic=a/*", FORM, 400, "invalid_selector"],
  ["a line end in a topic", "topic=a%0Ab", FORM, 400, "invalid_selector"],
  ["an unknown field", "topic=a&dta=b", FORM, 400, "invalid_message"],
  ["a field given twice", "topic=a&topic=b", FORM, 400, "invalid_message"],
  ["__proto__ as a field", '{"__proto__":{"topic":"a"}}', JSON_TYPE, 400, "invalid_message"],
  ["__proto__ in a form", "topic=a&__proto__=b", FORM, 400, "invalid_message"],
  ["a line end in an id", "topic=a&id=1%0Ddata:x", FORM, 400, "invalid_message"],
  ["NUL in an id", "topic=a&id=1%00", FORM, 400, "invalid_message"],
  ["a line end in an event", '{"topic":"a","event":"x\\ndata: y"}', JSON_TYPE, 400, "invalid_message"],
  ["an event of the hub's own", "topic=a&event=stream.end", FORM, 400, "invalid_message"],
  ["the same, escaped", '{"topic":"a","event":"\\u0073tream.gap"}', JSON_TYPE, 400, "invalid_message"],
  ["an id of the hub's own", "topic=a&id=stream.end", FORM, 400, "invalid_message"],
  ["a topic of the hub's own", "topic=demo/machine", FORM, 403, "reserved_topic"],
  ["the same, percent-encoded", "topic=%64emo%2Fmachine", FORM, 403, "reserved_topic"],
  ["the same in a batch", '[{"topic":"a"},{"topic":"demo/x"}]', JSON_TYPE, 403, "reserved_topic"],
  ["a topic of the library's own", "topic=stream.run/-/a&event=run.end", FORM, 400, "invalid_selector"],
  ["the same, percent-encoded", "topic=%73tream%2Emcp/s", FORM, 400, "invalid_selector"],
  ["the same in JSON, escaped", '{"topic":"\\u0073tream.run/-/a"}', JSON_TYPE, 400, "invalid_selector"],
  ["a negative retry", "topic=a&retry=-1", FORM, 400, "invalid_message"],
  ["a retry that is no number", "topic=a&retry=soon", FORM, 400, "invalid_message"],
  ["JSON nested too deep", deep(70), JSON_TYPE, 400, "invalid_body"],
  ["a JSON bomb", deep(100_000), JSON_TYPE, 400, "invalid_body"],
  ["a message that is too large", `topic=a&data=${"x".repeat(1_050_000)}`, FORM, 413, "message_too_large"],
  ["too many messages", `[${'{"topic":"a"},'.repeat(1_000)}{"topic":"a"}]`, JSON_TYPE, 413, "batch_too_large"],
  ["a body that is too large", "x".repeat(4_194_305), FORM, 413, "body_too_large"],
]

test("publishing refuses", async (t) => {
  const { url, errors } = await testServer(t)
  for (const [name, body, headers, status, code] of refusals) {
    await t.test(`${name} with ${status} ${code}`, async () => {
      const response = await post(url, body, headers)
      const { error } = (await response.json()) as { error: { code: string; message: string } }
      assert.deepEqual([response.status, error.code], [status, code], error.message)
      assert.ok(!error.message.includes("\n") && !/\bat .*:\d+/.test(error.message), "one line, no stack")
    })
  }
  await publish(url, { topic: "a", data: "still there" })
  assert.deepEqual(
    (await readEvents(`${url}/events?topic=a&topic=demo/machine&last=10`, 1)).map(({ data }) => data),
    ["still there"],
  )
  // what an option allows is told to the operator
  assert.deepEqual(
    errors.map((error) => (error as { code: string }).code),
    ["body_too_large"],
  )
})

const badStreams: [path: string, headers: Record<string, string>, status: number, code: string | undefined][] = [
  ["/events", {}, 400, "no_topic"],
  ["/events?topic=", {}, 400, "invalid_selector"],
  ["/events?topic=a%00", {}, 400, "invalid_selector"],
  ["/events?topic=(a*)*", {}, 400, "invalid_selector"],
  [`/events?${"topic=*&".repeat(1)}topic=${"*a".repeat(9)}`, {}, 400, "invalid_selector"],
  [`/events?${Array.from({ length: 1_001 }, (_, i) => `topic=t${i}`).join("&")}`, {}, 400, "too_many_topics"],
  ["/events?topic=a&last=-1", {}, 400, undefined],
  ["/events?topic=a&last=NaN", {}, 400, undefined],
  ["/events?topic=a&last=99999999999999999999", {}, 400, undefined],
  ["/events?topic=a&since=yesterday", {}, 400, undefined],
  ["/events?topic=a", { "last-event-id": "x".repeat(1_025) }, 400, undefined],
  ["/events?topic=a", { "last-event-id": "x".repeat(65_536) }, 431, undefined],
  ["/events?topic=a", { accept: "text/html" }, 406, undefined],
  ["/nothing", {}, 404, "not_found"],
  ["/%2e%2e/package.json", {}, 404, "not_found"],
  ["/constructor", {}, 404, "not_found"],
]

test("reading refuses", async (t) => {
  const { url } = await testServer(t)
  for (const [path, headers, status, code] of badStreams) {
    await t.test(`${path.slice(0, 60)} with ${status}`, async () => {
      const response = await fetch(url + path, { headers })
      const text = await response.text()
      assert.equal(response.status, status, text)
      if (code !== undefined) assert.equal((JSON.parse(text) as { error: { code: string } }).error.code, code)
    })
  }
})

test("other methods are refused, with a list of allowed ones", async (t) => {
  const { url } = await testServer(t)
  for (const [path, method, allow] of [
    ["/publish", "GET", "POST"],
    ["/publish", "PUT", "POST"],
    ["/events", "POST", "GET, HEAD, QUERY"],
    ["/events", "DELETE", "GET, HEAD, QUERY"],
    ["/healthz", "POST", "GET, HEAD"],
  ]) {
    const response = await fetch(`${url}${path}`, { method: method as string })
    assert.deepEqual([response.status, response.headers.get("allow")], [405, allow])
    await response.body?.cancel()
  }
})

test("an endless body is refused while it is read, and the connection is closed", async (t) => {
  const { url } = await testServer(t)
  const req = request(`${url}/publish`, { method: "POST", headers: JSON_TYPE })
  req.on("error", () => {})
  let sent = 0
  const chunk = Buffer.alloc(65_536, 0x20)
  const send = (): void => {
    while (!req.destroyed && req.write(chunk)) sent += chunk.length
    sent += chunk.length
  }
  req.on("drain", send)
  send()
  const [res] = (await once(req, "response")) as [IncomingMessage]
  assert.equal(res.statusCode, 413)
  assert.equal(res.headers.connection, "close")
  let text = ""
  for await (const part of res) text += String(part)
  assert.equal((JSON.parse(text) as { error: { code: string } }).error.code, "body_too_large")
  await once(req, "close")
  assert.ok(sent < 1024 ** 3)
})

test("a body with a Content-Length over the limit is refused before it is sent", async (t) => {
  const { url } = await testServer(t)
  const req = request(`${url}/publish`, {
    method: "POST",
    headers: { ...JSON_TYPE, "content-length": "100000000", expect: "100-continue" },
  })
  req.on("error", () => {})
  req.on("continue", () => assert.fail("was asked to send it"))
  req.flushHeaders()
  const [res] = (await once(req, "response")) as [IncomingMessage]
  assert.equal(res.statusCode, 413)
  req.destroy()
})

test("a body with Expect: 100-continue is requested", async (t) => {
  const { url } = await testServer(t)
  const req = request(`${url}/publish`, { method: "POST", headers: { ...FORM, expect: "100-continue" } })
  req.flushHeaders()
  await once(req, "continue")
  req.end("topic=a&data=b")
  const [res] = (await once(req, "response")) as [IncomingMessage]
  assert.equal(res.statusCode, 200)
  res.resume()
})

async function rawAnswer(port: number, head: string): Promise<string> {
  const socket = connect(port, "127.0.0.1")
  socket.end(`${head}\r\nConnection: close\r\n\r\n`)
  let text = ""
  for await (const chunk of socket) text += String(chunk)
  return text
}

test("a target can be an absolute URL, whose host overrides the Host header", async (t) => {
  const { url, port, data } = await testServer(t)
  await publish(url, { topic: "a", data: "b" })
  for (const target of [`http://localhost:${port}/healthz`, `HTTP://user:s3cret@127.0.0.1:${port}/healthz?x#y`]) {
    assert.match(await rawAnswer(port, `GET ${target} HTTP/1.1\r\nHost: example.org`), /^HTTP\/1\.1 200 /, target)
  }
  const stream = await rawAnswer(
    port,
    `GET http://localhost:${port}/events?topic=a&last=1&transport=poll HTTP/1.1\r\nHost: example.org`,
  )
  assert.match(stream, /^HTTP\/1\.1 200 [^]*data: b\n/)
  for (const target of [`http://example.org:${port}/publish`, "http://localhost:1/publish", "https://example.org/"]) {
    assert.match(await rawAnswer(port, `GET ${target} HTTP/1.1\r\nHost: localhost:${port}`), /^HTTP\/1\.1 403 /, target)
  }
  for (const target of ["ftp://localhost/healthz", "localhost/healthz", "http://", "http://[::1/x", "*"]) {
    assert.match(await rawAnswer(port, `GET ${target} HTTP/1.1\r\nHost: localhost:${port}`), /^HTTP\/1\.1 400 /, target)
  }
  assert.ok(!readFileSync(join(data, "access.log"), "utf8").includes("s3cret"))
})

test("a target that is not a path is refused", async (t) => {
  const { port } = await testServer(t)
  const socket = connect(port, "127.0.0.1")
  socket.end(`OPTIONS * HTTP/1.1\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`)
  let text = ""
  for await (const chunk of socket) text += String(chunk)
  assert.match(text, /^HTTP\/1\.1 400 /)
})

test("one address cannot use all connections", async (t) => {
  const { url } = await testServer(t, { limits: { streamsPerAddress: 100 } })
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const open = (): Promise<Response> => fetch(`${url}/events?topic=a`, { signal: leaving.signal })
  const streams = await Promise.all(Array.from({ length: 100 }, open))
  assert.ok(streams.every(({ status }) => status === 200))
  const refused = await open()
  assert.equal(refused.status, 429)
  assert.match(refused.headers.get("retry-after") ?? "", /^\d+$/)
  assert.equal((await fetch(`${url}/healthz`)).status, 200)
})

test("the admin port reports the number of streams, and the public port does not", async (t) => {
  const { url, adminUrl } = await testServer(t, { admin: { port: 0 } })
  const health = async (base: string): Promise<unknown> => (await fetch(`${base}/healthz`)).json()
  const before = (await health(adminUrl)) as object
  assert.deepEqual(Object.keys(before), ["status", "connections", "live", "uptime"])
  const leaving = new AbortController()
  const stream = await fetch(`${url}/events?topic=a`, { signal: leaving.signal })
  await stream.body?.getReader().read()
  assert.partialDeepStrictEqual(await health(adminUrl), { status: "ok", connections: 1 })
  for (const path of ["/livez", "/readyz", "/healthz"]) {
    const answer = await fetch(url + path)
    assert.deepEqual([answer.status, await answer.json()], [200, { status: "ok" }], path)
  }
  assert.equal((await fetch(`${adminUrl}/events?topic=a`)).status, 404)
  assert.equal((await fetch(`${adminUrl}/livez`, { method: "POST" })).status, 405)
  leaving.abort()
})

test("without the demo there is no page and no endpoint of the demo", async (t) => {
  const { url } = await testServer(t)
  for (const path of ["/", "/main.js", "/demo/log", "/demo/stats", "/onward/protocol/index.js"]) {
    assert.equal((await fetch(url + path)).status, 404, path)
  }
})

test("a repeat is reported as such, and messages of other topics are not revealed", async (t) => {
  const { url } = await testServer(t)
  const send = async (body: unknown) => (await post(url, JSON.stringify(body))).json()
  const message = { topic: "a", data: "1", id: "CREATE" }
  assert.deepEqual(await send(message), { id: "CREATE" })
  assert.deepEqual(await send({ ...message, data: "2" }), { id: "CREATE", repeated: true })
  assert.deepEqual(await send({ ...message, topic: "b" }), { id: "CREATE" })
  assert.deepEqual(await send([message, { topic: "c", data: "", id: "CREATE" }]), {
    ids: ["CREATE", "CREATE"],
    repeated: [true, false],
  })
  assert.deepEqual(await send([{ topic: "c", id: "new" }]), { ids: ["new"] })
})
