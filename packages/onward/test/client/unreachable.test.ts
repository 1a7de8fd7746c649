import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync } from "node:fs"
import { createServer as createTlsServer } from "node:https"
import { once } from "node:events"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Readable } from "node:stream"
import { mock, test } from "node:test"
import { inspect } from "node:util"
import { EventSource, OnwardError, stream, type FetchLike, type StreamOptions } from "../../src/client/node.ts"
import { reservePort } from "../reserve-port.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

const failureOf = async (url: string, options: StreamOptions = {}): Promise<OnwardError> => {
  const error: unknown = await stream(url, { retry: false, onStatus() {}, ...options })
    .next()
    .then(() => undefined)
    .catch((thrown: unknown) => thrown)
  assert.ok(error instanceof OnwardError, String(error))
  return error
}

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  test(`an error says why the connection failed, over ${transport}`, async () => {
    const port = await reservePort()
    for (const host of ["127.0.0.1", "localhost"]) {
      const error = await failureOf(`http://${host}:${port}/`, { fetch })
      assert.equal(error.code, "network_error")
      assert.match(error.message, /ECONNREFUSED.*\. Check the server/)
      assert.equal(error.status, 0)
      assert.ok(error.cause instanceof Error)
    }
    assert.match((await failureOf("http://nowhere.invalid/", { fetch })).message, /nowhere\.invalid/)
  })

  test(`a server that switches protocols without being asked is an error, over ${transport}`, async (t) => {
    const server = createServer((socket) => {
      socket.on("error", () => {})
      socket.once("data", () => {
        socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
      })
    }).listen(0, "127.0.0.1")
    await once(server, "listening")
    t.after(() => void server.close())
    const error = await failureOf(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { fetch })
    assert.equal(error.code, "network_error")
  })

  test(`an error says what is wrong with a certificate, over ${transport}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "onward-"))
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")]
    const asked = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-subj",
      "/CN=a.example",
      "-keyout",
      key,
      "-out",
      cert,
    ]
    execFileSync("openssl", asked, { stdio: "ignore" })
    const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }).listen(0, "127.0.0.1")
    await once(server, "listening")
    t.after(() => server.close())
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`
    assert.match((await failureOf(url, { fetch })).message, /self-signed certificate/)
    if (transport !== "node:http") return
    // refused before anything was sent, a POST is repeated
    const statuses: string[] = []
    const events = stream(url, {
      body: "x",
      retry: { attempts: 2, base: 1 },
      onStatus: ({ state }) => statuses.push(state),
    })
    await assert.rejects(events.next(), { code: "network_error" })
    assert.equal(statuses.filter((state) => state === "reconnecting").length, 2)
  })

  test(`a POST that was never sent is repeated, unless that is disabled, over ${transport}`, async (t) => {
    const stage = await createStage(t, async (exchange) => {
      await exchange.open()
      await exchange.write("data: a\n\nevent: stream.end\ndata:\n\n")
    })
    // not by a name, whose look-up no test clock waits for
    const away = `http://127.0.0.1:${await reservePort()}/`
    let calls = 0
    const once =
      (limit: number): FetchLike =>
      (_, init) =>
        fetch(++calls > limit ? stage.server.url : away, init)
    const given = take(stream(away, { clock: stage.clock, fetch: once(3), body: "x", onStatus() {} }))
    await stage.clock.pass(60_000)
    assert.deepEqual([given.data, given.ending, stage.server.requests.length], [["a"], "end", 1])
    assert.equal(stage.server.requests[0]?.body.toString(), "x")
    const never = await failureOf(away, { fetch, body: "x", repeat: "never", retry: true })
    assert.equal(never.code, "not_repeatable")
    assert.match(never.message, /ECONNREFUSED/)
  })

  test(`an invalid URL is refused with advice and not retried, over ${transport}`, async (t) => {
    const { clock } = await createStage(t, () => {})
    for (const url of [
      "localhost:3000",
      "localhost:3000/events",
      "ftp://127.0.0.1/events",
      "mailto:a@b.example",
      "javascript:1",
    ]) {
      const error = await failureOf(url, { fetch, retry: true })
      assert.deepEqual([error.code, error.status], ["invalid_request", 0], url)
      const scheme = url.slice(0, url.indexOf(":") + 1)
      assert.ok(error.message.includes(`"${scheme}"`) && error.message.includes("http://localhost:3000/events"))
      const source = new EventSource(url, { clock, fetch })
      const said = watch(source)
      await clock.pass(600_000)
      assert.deepEqual([said.errors, source.readyState], [["invalid_request"], EventSource.CLOSED], url)
    }
    for (const url of ["/events", "events", "http://[", "//a.example/x", ""]) {
      assert.throws(
        () => stream(url, { fetch }),
        { name: "TypeError", message: /Use an absolute URL like "http:/ },
        url,
      )
      assert.throws(() => new EventSource(url, { fetch }), { name: "SyntaxError" }, url)
    }
  })

  test(`invalid request options are refused and not retried, over ${transport}`, async () => {
    const wrong: StreamOptions[] = [
      { headers: { "no spaces": "x" } },
      { headers: { x: "a\nb" } },
      { headers: () => ({ x: "\u0001火" }) },
      // node:http sends even that
      ...(transport === "fetch" ? [{ method: "GET", body: "x" }] : []),
      { method: "B AD" },
    ]
    for (const options of wrong) {
      const error: unknown = await stream("http://127.0.0.1:9/", { fetch, ...options, onStatus() {} })
        .next()
        .catch((thrown: unknown) => thrown)
      assert.ok(
        error instanceof OnwardError && error.code === "invalid_request",
        `${JSON.stringify(options)}: ${error}`,
      )
    }
  })
}

test("no error about a URL or a header contains possible secrets", async () => {
  const SECRET = "s3cr3t"
  const said: string[] = []
  for (const url of [
    `localhost:3000/?token=${SECRET}`,
    `ftp://ann:${SECRET}@a.example/`,
    `http://ann:${SECRET}@a.example/`,
    `/events?token=${SECRET}`,
    `//ann:${SECRET}@[`,
  ]) {
    try {
      await stream(url, { fetch, onStatus() {} }).next()
    } catch (error) {
      said.push(inspect(error, { depth: 1 }))
    }
  }
  for (const [name, value] of [
    ["authorization", `${SECRET}\nx`],
    ["no name", SECRET],
  ] as const) {
    const headers = { [name]: value }
    said.push(inspect(await failureOf("http://a.example/", { fetch, headers, retry: true })))
  }
  assert.equal(said.length, 7)
  for (const text of said) assert.ok(!text.includes(SECRET), text)
})

test("a user and a password in the URL are refused where fetch refuses them, and sent otherwise", async (t) => {
  const { server, clock } = await createStage(t, async (exchange) => {
    await exchange.open()
    await exchange.write("data: a\n\nevent: stream.end\ndata:\n\n")
  })
  const url = server.url.replace("//", "//user:secret@")
  const error = await failureOf(url, { fetch, retry: true })
  assert.equal(error.code, "invalid_request")
  assert.match(error.message, /header "authorization"/)
  const given = take(stream(url, { clock }))
  await clock.pass(1_000)
  assert.deepEqual([given.data, server.requests.length], [["a"], 1])
  assert.match(server.requests[0]?.headers["authorization"] ?? "", /^Basic /)
})

test("a fetch that returns no web stream is refused with advice and not called again", async (t) => {
  const { clock } = await createStage(t, () => {})
  const head = { status: 200, url: "", headers: new Headers({ "content-type": "text/event-stream" }) }
  const answers: unknown[] = [
    { ...head, body: Readable.from(["data: a\n\n"]) },
    { ...head },
    { ...head, body: "data: a\n\n" },
    { status: 200, data: "axios", headers: { "content-type": "text/event-stream" } },
    "text",
    undefined,
  ]
  for (const answer of answers) {
    let calls = 0
    const fetch = (() => (calls++, Promise.resolve(answer))) as unknown as FetchLike
    const given = take(stream("http://a.example/", { clock, fetch }))
    await clock.pass(600_000)
    assert.deepEqual([given.ending, given.status, calls], ["invalid_request", 0, 1])
    const source = new EventSource("http://a.example/", { clock, fetch })
    const said = watch(source)
    await clock.pass(600_000)
    assert.deepEqual([said.errors, said.statuses, calls], [["invalid_request"], [0], 2])
  }
})

test("a fetch gets its headers as a plain object, so that spreading them keeps them", async () => {
  const seen: (Record<string, string> | undefined)[] = []
  const answer = (text: string): Response => new Response(text, { headers: { "content-type": "text/event-stream" } })
  const fetch: FetchLike = (_, init) => {
    seen.push({ ...init.headers, authorization: "mine" })
    return Promise.resolve(answer(seen.length === 1 ? "id: 7é\ndata: a\n\n" : "event: stream.end\ndata:\n\n"))
  }
  for await (const _ of stream("http://a.example/", {
    fetch,
    headers: new Headers({ "X-A": "1" }),
    retry: { base: 0 },
  }));
  assert.deepEqual(seen[1], {
    accept: "text/event-stream",
    authorization: "mine",
    incremental: "?1",
    "last-event-id": Buffer.from("7é").toString("latin1"),
    "x-a": "1",
  })
})

test("errors that the client detects itself have no status", async () => {
  const fetch: FetchLike = () =>
    Promise.resolve(new Response(`data: ${"x".repeat(100)}\n\n`, { headers: { "content-type": "text/event-stream" } }))
  const long = await failureOf("http://a.example/", { fetch, maxEventChars: 10 })
  assert.deepEqual([long.code, long.status], ["event_too_large", 0])
  const { value } = await stream("http://a.example/", { fetch }).next()
  assert.throws(() => value?.json(), { code: "validation_failed", status: 0 })
})

test("without onStatus a first connection that fails is reported once, with the cause", async (t) => {
  const warn = mock.method(console, "warn", () => {})
  t.after(() => warn.mock.restore())
  const url = `http://127.0.0.1:${await reservePort()}/`
  await assert.rejects(stream(url, { retry: { attempts: 3, base: 1 } }).next())
  await assert.rejects(stream(url, { retry: { attempts: 3, base: 1 }, onStatus() {} }).next())
  assert.equal(warn.mock.callCount(), 1)
  assert.match(String(warn.mock.calls[0]?.arguments[0]), /^onward: .*ECONNREFUSED/)
})
