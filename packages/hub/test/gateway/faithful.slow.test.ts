import assert from "node:assert/strict"
import type { ServerResponse } from "node:http"
import module from "node:module"
import { Readable, type Transform } from "node:stream"
import { test } from "node:test"
import zlib from "node:zlib"
import OpenAI from "openai"
import type { decodedBody as decode } from "../../src/gateway/decoded.ts"
import { testServer } from "../server.ts"
import { chat, createProvider, writeResponse, type Call } from "./provider.ts"

// zstd exists since Node 22.15
const { brotliCompressSync, deflateSync, gzipSync, constants, createGzip, createZstdCompress, zstdCompressSync } = zlib
const hasZstd = typeof zstdCompressSync === "function"

const STREAM = [
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Once"},"finish_reason":null}]}',
  'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}',
  "data: [DONE]",
  "",
].join("\n\n")

const ASKED: RequestInit = {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "m", messages: [], stream: true }),
}

async function textOf(url: string): Promise<string> {
  const client = new OpenAI({ apiKey: "a", baseURL: `${url}/v1`, maxRetries: 0 })
  let text = ""
  for await (const { choices } of await client.chat.completions.create({ model: "m", messages: [], stream: true })) {
    text += choices[0]?.delta.content ?? ""
  }
  return text
}

/** Each way a provider has been seen to send a good stream. */
const ways: [name: string, send: (res: ServerResponse) => void][] = [
  ["as it should be", (res) => res.writeHead(200, { "content-type": "text/event-stream" }).end(STREAM)],
  [
    "with parameters and in capitals",
    (res) => res.writeHead(200, { "content-type": "Text/Event-Stream; charset=UTF-8" }).end(STREAM),
  ],
  ["without a content type", (res) => res.writeHead(200).end(STREAM)],
  ["as text", (res) => res.writeHead(200, { "content-type": "text/plain" }).end(STREAM)],
  ["as JSON", (res) => res.writeHead(200, { "content-type": "application/json" }).end(STREAM)],
  ["as bytes", (res) => res.writeHead(200, { "content-type": "application/octet-stream" }).end(STREAM)],
  ["as HTML", (res) => res.writeHead(200, { "content-type": "text/html" }).end(STREAM)],
  ["as newline-delimited JSON", (res) => res.writeHead(200, { "content-type": "application/x-ndjson" }).end(STREAM)],
  ["after a byte order mark", (res) => res.writeHead(200).end(`\ufeff${STREAM}`)],
  ["after empty lines", (res) => res.writeHead(200).end(`\n\n${STREAM}`)],
  ["after a comment", (res) => res.writeHead(200).end(`: OPENROUTER PROCESSING\n\n${STREAM}`)],
  [
    "letter by letter",
    (res) => {
      res.writeHead(200)
      for (const letter of STREAM) res.write(letter)
      res.end()
    },
  ],
  ["with CRLF", (res) => res.writeHead(200).end(STREAM.replaceAll("\n", "\r\n"))],
  ["as 201", (res) => res.writeHead(201, { "content-type": "text/event-stream" }).end(STREAM)],
  [
    "in gzip",
    (res) =>
      res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" }).end(gzipSync(STREAM)),
  ],
  [
    "in x-gzip",
    (res) =>
      res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "X-Gzip" }).end(gzipSync(STREAM)),
  ],
  [
    "in deflate",
    (res) =>
      res
        .writeHead(200, { "content-type": "text/event-stream", "content-encoding": "deflate" })
        .end(deflateSync(STREAM)),
  ],
  [
    "in deflate without the head of zlib",
    (res) =>
      res
        .writeHead(200, { "content-type": "text/event-stream", "content-encoding": "deflate" })
        .end(zlib.deflateRawSync(STREAM)),
  ],
  [
    "declared as gzip, but not compressed",
    (res) => res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" }).end(STREAM),
  ],
  [
    "in brotli",
    (res) =>
      res
        .writeHead(200, { "content-type": "text/event-stream", "content-encoding": "br" })
        .end(brotliCompressSync(STREAM)),
  ],
  ...(hasZstd
    ? ([
        [
          "in zstd",
          (res) =>
            res
              .writeHead(200, { "content-type": "text/event-stream", "content-encoding": "zstd" })
              .end(zstdCompressSync(STREAM)),
        ],
        [
          "in zstd, without a content type",
          (res) => res.writeHead(200, { "content-encoding": "zstd" }).end(zstdCompressSync(STREAM)),
        ],
        [
          "in zstd, event by event, and cut off after its end",
          (res) => {
            res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "zstd" })
            const zstd = createZstdCompress()
            zstd.on("data", (piece) => res.write(piece))
            zstd.write(STREAM)
            zstd.flush(constants.ZSTD_e_flush, () => setTimeout(() => res.destroy(), 20))
          },
        ],
      ] satisfies [name: string, send: (res: ServerResponse) => void][])
    : []),
  [
    "in gzip, without a content type",
    (res) => res.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(STREAM)),
  ],
  [
    "in gzip within gzip",
    (res) => res.writeHead(200, { "content-encoding": "gzip, gzip" }).end(gzipSync(gzipSync(STREAM))),
  ],
  [
    "in gzip, event by event, and cut off after its end",
    (res) => {
      res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": "gzip" })
      const gzip = createGzip()
      gzip.on("data", (piece) => res.write(piece))
      gzip.write(STREAM)
      gzip.flush(constants.Z_SYNC_FLUSH, () => setTimeout(() => res.destroy(), 20))
    },
  ],
]

for (const [name, send] of ways) {
  test(`the official client gets a stream that its provider sends ${name}`, async (t) => {
    const provider = await createProvider(t, ({ res }) => send(res))
    const server = await testServer(t, { upstream: { url: provider.url } })
    assert.equal(await textOf(server.url), "Once")
    assert.equal(provider.calls[0]?.req.headers["accept-encoding"], "identity")
  })
}

/** Each coding with a compressor, and the flush that ends a block. */
const flushing: readonly (readonly [coding: string, make: () => Transform & zlib.Zlib, flush: number])[] = [
  ["gzip", createGzip, constants.Z_SYNC_FLUSH],
  ["deflate", zlib.createDeflate, constants.Z_SYNC_FLUSH],
  ["deflate", zlib.createDeflateRaw, constants.Z_SYNC_FLUSH],
  ["br", zlib.createBrotliCompress, constants.BROTLI_OPERATION_FLUSH],
  ...(hasZstd ? ([["zstd", createZstdCompress, constants.ZSTD_e_flush]] as const) : []),
]

for (const [coding, make, flush] of flushing) {
  test(`each event of a stream in ${coding} reaches the client before the next one is produced`, async (t) => {
    const provider = await createProvider(t)
    const server = await testServer(t, { upstream: { url: provider.url } })
    const client = new OpenAI({ apiKey: "a", baseURL: `${server.url}/v1`, maxRetries: 0 })
    const asking = client.chat.completions.create({ model: "m", messages: [], stream: true })
    const { res } = await provider.call()
    res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": coding })
    const encoder = make()
    encoder.pipe(res)
    const say = (delta: object, finish: string | null = null): void => {
      encoder.write(
        `data: ${JSON.stringify({ id: "c", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
      )
      encoder.flush(flush)
    }
    const words = ["one", "two", "three"]
    say({ content: words[0] })
    const seen: string[] = []
    for await (const { choices } of await asking) {
      const word = choices[0]?.delta.content
      if (!word) continue
      seen.push(word)
      if (seen.length < words.length) say({ content: words[seen.length] })
      else {
        say({}, "stop")
        encoder.end()
      }
    }
    assert.deepEqual(seen, words)
  })
}

test("the gateway loads where Node has no zstd", { skip: !hasZstd || !("registerHooks" in module) }, async () => {
  const older = `import zlib from "node:zlib"; export default { ...zlib, createZstdDecompress: undefined }`
  const hooks = module.registerHooks({
    resolve: (specifier, context, next) =>
      specifier === "node:zlib" && context.parentURL?.endsWith("?older")
        ? { url: `data:text/javascript,${encodeURIComponent(older)}`, shortCircuit: true }
        : next(specifier, context),
  })
  try {
    const url = new URL("../../src/gateway/decoded.ts?older", import.meta.url)
    const { decodedBody } = (await import(url.href)) as { decodedBody: typeof decode }
    const answer = Object.assign(Readable.from([]), { headers: { "content-encoding": "zstd" } })
    assert.throws(() => decodedBody(answer as never), { code: "bad_content_type" })
  } finally {
    hooks.deregister()
  }
})

test("a JSON response with status 200 is passed through digit by digit, compressed or not", async (t) => {
  const body = '{ "id": "c", "big": 12345678901234567890.10, "choices": [ ] }'
  for (const [headers, sent] of [
    [{ "content-type": "application/json" }, body],
    [{ "content-type": "application/json; charset=utf-8", "content-encoding": "gzip" }, gzipSync(body)],
    [{}, body],
    [{ "content-type": "text/plain" }, `\n${body}`],
  ] as const) {
    const provider = await createProvider(t, ({ res }) =>
      res.writeHead(200, { ...headers, "x-request-id": "r" }).end(sent),
    )
    const server = await testServer(t, { upstream: { url: provider.url } })
    for (const path of ["chat/completions", "responses", "messages"]) {
      const response = await fetch(`${server.url}/v1/${path}`, ASKED)
      assert.equal(response.status, 200)
      assert.equal(response.headers.get("onward-run"), null)
      assert.equal(response.headers.get("x-request-id"), "r")
      assert.equal((await response.text()).trim(), body)
    }
  }
})

test("an unknown content coding and a decompression bomb are errors, and the process continues", async (t) => {
  const bomb = gzipSync(Buffer.concat([Buffer.from("data: "), Buffer.alloc(64 * 1024 ** 2, "a")]))
  for (const [coding, sent, code] of [
    ["compress", STREAM, /bad_content_type/],
    ["gzip, gzip, gzip", STREAM, /bad_content_type/],
    ["gzip", "no gzip", /stream_ended/],
    ["gzip", Buffer.from([0x1f, 1, 2, 3]), /stream_ended/],
    ["deflate", "no deflate", /stream_ended/],
    ["deflate", STREAM, /stream_ended/],
    ["gzip", bomb, /--upstream-max-answer[^]*message_too_large/],
  ] as const) {
    const provider = await createProvider(t, ({ res }) =>
      res.writeHead(200, { "content-type": "text/event-stream", "content-encoding": coding }).end(sent),
    )
    const server = await testServer(t, {
      upstream: { url: provider.url },
      gateway: { limits: { answerBytes: 1024 ** 2 } },
    })
    assert.match(await (await fetch(`${server.url}/v1/chat/completions`, ASKED)).text(), code)
  }
})

test("a response as large as images passes, complete and as a stream, and one over the limit names the option", async (t) => {
  // more than an event may have by default; `npm run test:long` has images of 25 MB
  const picture = "A".repeat(17 * 1024 ** 2)
  const answer = ({ res, body }: Call): void => {
    if (!body.includes("stream"))
      return void res.writeHead(200, { "content-type": "application/json" }).end(`{"b64_json":"${picture}"}`)
    const response = writeResponse(res, "resp_1")
    response.begin()
    response.say(picture)
    response.finish()
  }
  const provider = await createProvider(t, answer)
  const limits = { answerBytes: 128 * 1024 ** 2 }
  const server = await testServer(t, { upstream: { url: provider.url }, log: "memory:", gateway: { limits } })
  const whole = await fetch(`${server.url}/v1/images/generations`, { method: "POST", body: "{}" })
  assert.equal((await whole.text()).length, picture.length + 15)
  const streamed = await (await fetch(`${server.url}/v1/responses`, ASKED)).text()
  assert.ok(streamed.length > 4 * picture.length)
  assert.ok(streamed.includes("event: response.completed\n"))
  const small = await testServer(t, {
    upstream: { url: provider.url },
    log: "memory:",
    gateway: { limits: { answerBytes: 1024 ** 2 } },
  })
  assert.match(await (await fetch(`${small.url}/v1/responses`, ASKED)).text(), /--upstream-max-answer/)
})

test("a request of 60 MB does not delay other clients while it is read, and reaches the provider byte by byte", async (t) => {
  let length = 0
  const provider = await createProvider(t, ({ res, body }) => {
    length = body.length
    chat.say(res.writeHead(200, { "content-type": "text/event-stream" }), { content: "Once" })
    chat.finish(res)
  })
  const server = await testServer(t, { upstream: { url: provider.url } })
  // images, and numbers: what is most work to look through
  const image = `{"type":"image_url","image_url":{"url":"data:image/png;base64,${"A".repeat(20 * 1024 ** 2)}"}}`
  const numbers = `[${"1,".repeat(10 * 1024 ** 2)}1]`
  const escapes = `"${'\\"'.repeat(10 * 1024 ** 2)}"`
  const body = `{"model":"m","messages":[${image}],"numbers":${numbers},"escapes":${escapes},"stre\\u0061m":true}`
  const response = await fetch(`${server.url}/v1/chat/completions`, { method: "POST", body })
  assert.match(response.headers.get("onward-run") ?? "", /^run_/)
  assert.match(await response.text(), /Once/)
  assert.equal(length, body.length)
  const tooLarge = await fetch(`${server.url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-length": String(65 * 1024 ** 2) },
    body: Buffer.alloc(65 * 1024 ** 2),
  }).catch(() => undefined)
  if (tooLarge) {
    assert.equal(tooLarge.status, 413)
    assert.match(await tooLarge.text(), /--upstream-max-request/)
  }
})

test("a provider that sends a large burst does not delay other providers", async (t) => {
  const provider = await createProvider(t, ({ res }) => {
    res.writeHead(200, { "content-type": "text/event-stream" })
    res.end(`${"data: {}\n\n".repeat(200_000)}${STREAM}`)
  })
  const server = await testServer(t, { upstream: { url: provider.url }, log: "memory:" })
  const asking = fetch(`${server.url}/v1/chat/completions`, ASKED)
  const over = asking.then((response) => response.text()).then(() => "over" as const)
  let answers = 0
  for (; answers < 50; answers++) {
    const other = fetch(`${server.url}/healthz`).then((response) => response.text())
    if ((await Promise.race([over, other])) === "over") break
  }
  assert.ok(answers > 2, `${answers} answers while the stream was read`)
})
