import assert from "node:assert/strict"
import type http from "node:http"
import { test, type TestContext } from "node:test"
import { createHub, memoryLog, type Hub } from "onward"
import { sse as expressSse } from "onward/express"
import { sse as fastifySse } from "onward/fastify"
import { sse as h3Sse } from "onward/h3"
import { sse as honoSse } from "onward/hono"
import { sse as koaSse } from "onward/koa"
import { sse as nestSse } from "onward/nest"
import { sse as nodeSse, type Source, type SourceFunction, type SseOptions } from "onward/node"
import { connect } from "onward/testing"
import { sse as webSse } from "onward/web"
import { createNodeExchange } from "./misuse-exchange.ts"

function hubFor(t: TestContext): Hub {
  const hub = createHub()
  t.after(() => hub.close())
  return hub
}

async function* words(): AsyncGenerator<string> {
  yield "one"
}

/** Calls each kind of `sse` with a request that is right. */
const calls: Readonly<Record<string, (source: Source, options?: SseOptions) => unknown>> = {
  node(source, options) {
    const { req, res } = createNodeExchange()
    return nodeSse(req, res, source, options)
  },
  web: (source, options) => webSse(new Request("http://localhost/"), source, options),
  hono: (source, options) =>
    honoSse(
      {
        req: { raw: new Request("http://localhost/") },
        env: undefined,
        newResponse: (body, init) => new Response(body, init),
      },
      source,
      options,
    ),
  h3: (source, options) => h3Sse({ req: new Request("http://localhost/") }, source, options),
  koa(source, options) {
    const { req, res } = createNodeExchange()
    return koaSse({ req, res, app: { emit: () => true } }, source, options)
  },
}

for (const [name, call] of Object.entries(calls)) {
  test(`${name}: an invalid source throws at once, and the error names the value and valid sources`, async (t) => {
    const hub = hubFor(t)
    const locked = new ReadableStream()
    locked.getReader()
    const mistakes: [source: unknown, message: RegExp][] = [
      [undefined, /not undefined\. Pass for instance hub\.subscribe/],
      [null, /not null\. Pass for instance/],
      [hub, /not an object\. Pass hub\.subscribe\(\{ topics: \["news"\] \}\)/],
      [memoryLog(), /Make a hub of the log/],
      [{ topics: ["a"] }, /Pass hub\.subscribe\(\{ … \}\)/],
      [Promise.resolve(words()), /not a promise\. Await it/],
      [(async () => words())(), /not a promise\. Await it/],
      [["one", "two"], /not an array\. Yield the events from an `async function\*`/],
      ["one", /not "one"\. Yield the events/],
      [new Set(["one"]), /not a Set\. Yield the events/],
      [(function* () {})(), /not a Generator\. Yield the events/],
      [function* () {}, /not a generator function\. Write `async function\*`/],
      [locked, /a ReadableStream that another reader has locked/],
      [new Request("http://localhost/"), /not a Request\. The order of arguments/],
      [{ heartbeat: 1_000 }, /not an object/],
      [42, /not 42/],
    ]
    for (const [source, message] of mistakes) {
      assert.throws(() => call(source as Source), { name: "TypeError", message }, String(message))
    }
  })

  test(`${name}: options that are misspelt, invalid or without effect throw at once`, (t) => {
    const subscription = hubFor(t).subscribe({ topics: ["a"] })
    const mistakes: [source: Source, options: unknown, message: RegExp][] = [
      [words, { heartBeat: 1 }, /no option "heartBeat"\. Did you mean "heartbeat"\?/],
      [words, { header: {} }, /Did you mean "headers"\?/],
      [words, { origins: "*" }, /Did you mean "cors\.origins"\?/],
      [words, 5_000, /takes an object, not 5000/],
      [words, [], /takes an object, not an array/],
      [words, null, /takes an object, not null/],
      [words, { retry: -1 }, /`retry` must be a whole number/],
      [words, { retry: "1000" }, /not "1000"/],
      [words, { heartbeat: 0 }, /`heartbeat` must be a number of milliseconds above 0/],
      [words, { end: "no" }, /`end` must be true or false, not "no"/],
      [words, { onError: {} }, /`onError` must be a function/],
      [words, { signal: new AbortController() }, /`signal` must be an AbortSignal, not an AbortController/],
      [words, { ignoreAccept: "yes" }, /`ignoreAccept` must be true or false/],
      [words, { headers: new Headers({ a: "b" }) }, /plain object, not a Headers\. Pass Object\.fromEntries/],
      [words, { headers: { "x y": "b" } }, /"x y" is not a valid header name/],
      [words, { headers: { "x-y": 5 } }, /must be a string, not 5/],
      [words, { compress: true }, /`compress` must be "shared" or \{ prefer: "gzip" \| "zstd" \}, not true/],
      [subscription, { compress: "gzip" }, /`compress` must be "shared" or \{.*\}, not "gzip"/],
      [subscription, { compress: { prefer: "br" } }, /`compress.prefer` must be "gzip" or "zstd", not "br"/],
      [subscription, { compress: {} }, /`compress.prefer` must be "gzip" or "zstd", not undefined/],
      [subscription, { signal: AbortSignal.timeout(1) }, /no effect on a subscription\. Set it in hub\.subscribe/],
      [subscription, { heartbeat: 1_000 }, /no effect on a subscription\. Set it in createHub\(\{ heartbeat \}\)/],
      [subscription, { stallTimeout: 1_000 }, /createHub\(\{ stallTimeout \}\)/],
      [subscription, { end: false }, /hub\.subscribe\(\{ until \}\)/],
      [subscription, { onError: () => {} }, /createHub\(\{ onError \}\)/],
    ]
    for (const [source, options, message] of mistakes) {
      assert.throws(() => call(source, options as SseOptions), { name: "TypeError", message }, String(message))
    }
  })

  test(`${name}: a value that no header can contain gets a 400 response, because a client can have sent it`, async () => {
    for (const value of ["a\r\nset-cookie: b", "a\0", "東京"]) {
      const response = await call(words, { headers: { "x-user": value } })
      if (response instanceof Response) assert.equal(response.status, 400)
    }
  })

  test(`${name}: origins that would allow no page, or others than intended, throw at once`, () => {
    const mistakes: [cors: unknown, message: RegExp][] = [
      [{ origins: "https://a.example" }, /not "https:\/\/a\.example"\. Pass for instance \["https:\/\/a\.example"\]/],
      [{ origins: ["https://a.example/"] }, /is not an origin\. Pass https:\/\/a\.example, as/],
      [{ origins: ["https://a.example/path"] }, /Pass https:\/\/a\.example, as/],
      [{ origins: ["https://A.example"] }, /Pass https:\/\/a\.example, as/],
      [{ origins: ["https://a.example:443"] }, /Pass https:\/\/a\.example, as/],
      [{ origins: ["a.example"] }, /Pass https:\/\/a\.example, as/],
      [{ origins: ["localhost:3000"] }, /Pass https:\/\/localhost:3000, as/],
      [{ origins: ["https://*.example"] }, /Patterns are not supported/],
      [{ origins: ["*"] }, /For all origins pass origins: "\*"/],
      [{ origins: ["null"] }, /cannot be told apart/],
      [{ origins: [/a\.example/] }, /Pass strings/],
      [{ origins: [undefined] }, /Pass strings/],
      [{ origins: ["https://a.example", ""] }, /"" is not an origin/],
      [{ origins: new Set(["https://a.example"]) }, /not a Set/],
      [{ origin: ["https://a.example"] }, /Did you mean "origins"\?/],
      [{}, /not undefined/],
      [true, /takes an object, not true/],
      [{ origins: "*", credentials: true }, /cannot be combined/],
      [{ origins: ["https://a.example"], credentials: "include" }, /must be true or false/],
    ]
    for (const [cors, message] of mistakes) {
      for (let time = 0; time < 2; time++) {
        const options = { cors } as SseOptions
        assert.throws(() => call(words, options), { name: "TypeError", message }, `${JSON.stringify(cors)} ${message}`)
      }
    }
    const apps = ["https://a.example", "http://localhost:3000", "capacitor://localhost", "http://[::1]:8080"]
    for (const origins of ["*", [], apps]) assert.doesNotThrow(() => call(words, { cors: { origins } as never }))
  })
}

test("arguments in the wrong order throw, and so do those of another framework", () => {
  const { req, res } = createNodeExchange()
  const request = new Request("http://localhost/")
  const wrong =
    (sse: unknown, ...given: unknown[]) =>
    () =>
      (sse as (...given: unknown[]) => unknown)(...given)
  const mistakes: [call: () => unknown, message: RegExp][] = [
    [wrong(nodeSse, res, req, words), /not a ServerResponse and an IncomingMessage\. Pass sse\(req, res, source/],
    [wrong(nodeSse, words, req, res), /not a generator function and an IncomingMessage/],
    [wrong(nodeSse, req, words), /not an IncomingMessage and a generator function/],
    [wrong(nodeSse), /not undefined and undefined/],
    [wrong(nodeSse, request, words), /use onward\/web/],
    [wrong(nodeSse, { raw: req, headers: {} }, { raw: res }, words), /use onward\/fastify/],
    [wrong(nodeSse, { req, res }, words), /use onward\/koa/],
    [wrong(nodeSse, { req, res }, res, words), /Pass sse\(req, res, source/],
    [wrong(nodeSse, { headers: null }, res, words), /not an object and a ServerResponse\. Pass sse/],
    [wrong(expressSse, res, req, words), /Pass sse\(req, res, source/],
    [wrong(webSse, req, res, words), /not an IncomingMessage\. For node:http use onward\/node/],
    [wrong(webSse, words, request), /takes a Request, not a generator function/],
    [wrong(honoSse, request, words), /takes Hono's context/],
    [wrong(h3Sse, request, words), /takes h3's event/],
    [wrong(koaSse, req, res, words), /takes Koa's context, not an IncomingMessage/],
    [wrong(fastifySse, req, res, words), /takes Fastify's request and reply/],
    [wrong(fastifySse, { log: { error() {} } }, res, words), /not an object and a ServerResponse/],
    [wrong(fastifySse, req, { hijack() {} }, words), /not an IncomingMessage and an object/],
    [wrong(nestSse, { heartBeat: 1 }), /Did you mean "heartbeat"\?/],
  ]
  for (const [call, message] of mistakes) assert.throws(call, { name: "TypeError", message }, String(message))
})

test("a response that has already started or is already streamed throws", async (t) => {
  const hub = hubFor(t)
  const begun = /has already been started\. Call sse once/
  for (const first of [
    (_: http.IncomingMessage, res: http.ServerResponse) =>
      res.writeHead(200, { "content-type": "text/event-stream" }).flushHeaders(),
    (req: http.IncomingMessage, res: http.ServerResponse) => nodeSse(req, res, hub.subscribe({ topics: ["a"] })),
    (req: http.IncomingMessage, res: http.ServerResponse) => nodeSse(req, res, words),
  ]) {
    const thrown = Promise.withResolvers<unknown>()
    const reader = await connect((req, res) => {
      first(req, res)
      try {
        nodeSse(req, res, words)
      } catch (error) {
        thrown.resolve(error)
      }
    })
    assert.match(String(await thrown.promise), begun)
    await reader.cut()
  }
})

test("the result of a source function is checked too, and passed to onError", async () => {
  const wrong: [given: unknown, message: RegExp][] = [
    [["one"], /must return an async iterable, a ReadableStream or null, not an array/],
    ["one", /not "one"/],
    [(function* () {})(), /not a Generator/],
    [() => {}, /not a function/],
  ]
  for (const [given, message] of wrong) {
    const errors: unknown[] = []
    const response = await webSse(new Request("http://localhost/"), (() => given) as unknown as SourceFunction, {
      onError: (error) => errors.push(error),
    })
    assert.equal(response.status, 500)
    assert.match(String(errors[0]), message)
  }
})
