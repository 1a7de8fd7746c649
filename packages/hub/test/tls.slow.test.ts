import assert from "node:assert/strict"
import { once } from "node:events"
import { cpSync, writeFileSync } from "node:fs"
import { connect, type ClientHttp2Session } from "node:http2"
import { get, type RequestOptions } from "node:https"
import type { IncomingMessage } from "node:http"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { connect as connectTls, type TLSSocket } from "node:tls"
import { createHttpServer } from "../src/http-server.ts"
import { listen } from "../src/listen.ts"
import { UsageError } from "../src/usage-error.ts"
import { makeCertificate } from "./certificate.ts"
import { begin, chat, createProvider } from "./gateway/provider.ts"
import { QUESTION } from "./gateway/start.ts"
import { testServer } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

const TRUST = { rejectUnauthorized: false }

function openSession(t: TestContext, port: number): ClientHttp2Session {
  const session = connect(`https://localhost:${port}`, TRUST)
  t.after(() => session.destroy())
  return session
}

/** Asks by HTTP/2; resolves to the status and the text, or the text up to a part of it. */
async function ask(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  { body = "", until }: { body?: string; until?: string } = {},
): Promise<[status: unknown, text: string]> {
  const request = session.request(headers, { endStream: false })
  request.end(body)
  const [head] = (await once(request, "response")) as [Record<string, unknown>]
  let text = ""
  for await (const chunk of request.setEncoding("utf8")) {
    text += String(chunk)
    if (until !== undefined && text.includes(until)) break
  }
  return [head[":status"], text]
}

test("with a certificate one port serves HTTP/2 and HTTP/1.1: publish, streams, refusals", async (t) => {
  const server = await testServer(t, { tls: makeCertificate(temporaryFolder(t)), limits: { bodyBytes: 1_024 } })
  const session = openSession(t, server.port)
  const form = { ":method": "POST", ":path": "/publish", "content-type": "application/x-www-form-urlencoded" }
  const [published] = await ask(session, form, { body: "topic=a&data=hello" })
  assert.equal(published, 200)
  const stream = { ":path": "/events?topic=a&last=1", accept: "text/event-stream" }
  assert.equal((await ask(session, stream, { until: "data: hello\n\n" }))[0], 200)
  assert.equal((await ask(session, { ":path": "/nothing" }))[0], 404)
  assert.equal((await ask(session, { ":path": "/events?topic=a", ":authority": "evil.example" }))[0], 403)
  // its answer comes before the body has ended
  assert.equal((await ask(session, form, { body: `topic=a&data=${"x".repeat(5_000)}` }))[0], 413)
  const [res] = (await once(
    get({
      host: "127.0.0.1",
      port: server.port,
      path: "/events?topic=a&last=1",
      agent: false,
      ...TRUST,
    } as RequestOptions),
    "response",
  )) as [IncomingMessage]
  assert.deepEqual([res.httpVersion, res.statusCode], ["1.1", 200])
  for await (const chunk of res) if (String(chunk).includes("data: hello")) break
  assert.deepEqual(
    server.errors.filter((error) => !/1024 bytes|host name/.test(String(error))),
    [],
  )
})

test("the gateway answers over HTTP/2, without headers that only HTTP/1.1 has", async (t) => {
  const warnings: string[] = []
  const onWarning = ({ message }: Error): void => void warnings.push(message)
  process.on("warning", onWarning)
  t.after(() => process.off("warning", onWarning))
  const provider = await createProvider(t, ({ res }) => {
    begin(res)
    chat.say(res, { content: "hello" })
    chat.finish(res)
  })
  const server = await testServer(t, { tls: makeCertificate(temporaryFolder(t)), upstream: { url: provider.url } })
  const session = openSession(t, server.port)
  const question = JSON.stringify(QUESTION)
  const path = { ":method": "POST", ":path": "/v1/chat/completions", "content-type": "application/json" }
  const [status, text] = await ask(session, { ...path, authorization: "Bearer x" }, { body: question })
  assert.equal(status, 200)
  assert.match(text, /data: \[DONE\]\n\n$/)
  assert.deepEqual(
    warnings.filter((message) => message.includes("header")),
    [],
  )
})

test("a hub with HTTP/2 ends its streams and then its process", async (t) => {
  const server = await testServer(t, { tls: makeCertificate(temporaryFolder(t)) })
  const session = openSession(t, server.port)
  const streams = Array.from({ length: 8 }, () => ask(session, { ":path": "/events?topic=a" }))
  await ask(session, { ":path": "/livez" })
  await server.close()
  for (const [status, text] of await Promise.all(streams)) {
    assert.equal(status, 200)
    assert.match(text, /\nretry: \d+\n/)
  }
})

/** A server with a certificate, and the fingerprint of the one that a new connection gets. */
async function serveWithCertificate(t: TestContext, folder: string, checkInterval: number) {
  const tls = makeCertificate(folder)
  const errors: unknown[] = []
  const options = {
    headBytes: 16_384,
    keepAlive: 5_000,
    tls,
    checkInterval,
    onError: (error: unknown) => void errors.push(error),
  }
  const http = createHttpServer(options, (_, res) => void res.end())
  t.after(async () => {
    const closed = http.close()
    http.closeAllConnections()
    await closed
  })
  const { port } = await listen(http.server, { host: "127.0.0.1", port: 0 })
  const fingerprint = async (): Promise<string> => {
    const socket: TLSSocket = connectTls({ port, host: "127.0.0.1", ...TRUST })
    await once(socket, "secureConnect")
    const { fingerprint256 } = socket.getPeerCertificate()
    socket.destroy()
    return fingerprint256
  }
  return { http, tls, errors, fingerprint }
}

test("a changed certificate is used for new connections, and one that does not match its key is not", async (t) => {
  const folder = temporaryFolder(t)
  const { http, tls, fingerprint } = await serveWithCertificate(t, folder, 3_600_000)
  const next = makeCertificate(folder, "next")
  const before = await fingerprint()
  cpSync(next.cert, tls.cert)
  assert.throws(() => http.reloadCertificate(), UsageError)
  assert.equal(await fingerprint(), before)
  cpSync(next.key, tls.key)
  http.reloadCertificate()
  assert.notEqual(await fingerprint(), before)
  writeFileSync(tls.cert, "no certificate")
  assert.throws(() => http.reloadCertificate(), /cannot be used: .*Check tls\.cert and tls\.key\.$/)
})

test("a certificate that another program renews is used without a signal", async (t) => {
  const folder = temporaryFolder(t)
  const { tls, errors, fingerprint } = await serveWithCertificate(t, folder, 20)
  const next = makeCertificate(folder, "next")
  const before = await fingerprint()
  cpSync(next.cert, tls.cert)
  while (errors.length === 0) await sleep(20)
  assert.match(
    String(errors[0]),
    /Check tls\.cert and tls\.key\.$/,
    "the operator is told while only half of it is there",
  )
  cpSync(next.key, tls.key)
  while ((await fingerprint()) === before) await sleep(20)
})
