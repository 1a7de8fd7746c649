import assert from "node:assert/strict"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { createServer, type RequestListener } from "node:http"
import type { AddressInfo } from "node:net"
import { test, type TestContext } from "node:test"
import { createHub } from "onward"
import { sse } from "onward/node"
import { examine, type ExamineOptions } from "../../src/doctor/examine.ts"
import type { Finding } from "../../src/doctor/finding.ts"
import { printable } from "../../src/printable.ts"
import { runOnward } from "../onward.ts"

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
}

async function examined(url: string, options: Partial<ExamineOptions> = {}): Promise<[isWell: boolean, Finding[]]> {
  const findings: Finding[] = []
  const onFinding = (finding: Finding): void => void findings.push(finding)
  return [await examine(url, { ...options, onFinding }), findings]
}

const STREAM = { "content-type": "text/event-stream" }
const GOOD = { ...STREAM, "cache-control": "no-store, no-transform", "x-accel-buffering": "no" }

/** What a server does, and what is said of it, or of what is on the way. */
const patients: Readonly<Record<string, [answer: RequestListener, bad: RegExp, options?: Partial<ExamineOptions>]>> = {
  "a refusal": [(_, res) => res.writeHead(401).end(), /the status is 401.* send credentials/],
  "a redirect": [
    (_, res) => res.writeHead(302, { location: "/x" }).end(),
    /302.* request the target of the redirect, \/x/,
  ],
  "a page": [
    (_, res) => res.writeHead(200, { "content-type": "text/html" }).end("<p>"),
    /"text\/html", not text\/event/,
  ],
  "a stream that caches may keep": [
    (_, res) => res.writeHead(200, { ...GOOD, "cache-control": "no-cache, no-transform" }).write(": \n\n"),
    /no-cache.* send Cache-Control: no-store/,
  ],
  "a stream that proxies may compress": [
    (_, res) => res.writeHead(200, { ...GOOD, "cache-control": "no-store" }).write(": \n\n"),
    /proxies can transform it/,
  ],
  "a stream with a length": [
    (_, res) => res.writeHead(200, { ...GOOD, "content-length": "9000" }).write(": \n\n"),
    /the response has a Content-Length/,
  ],
  "a proxy that refuses what comes bit by bit": [
    (req, res) => {
      const isAsked = req.headers["incremental"] === "?1"
      res.writeHead(isAsked ? 501 : 404, isAsked ? { "proxy-status": "edge; error=incremental_refused" } : {}).end()
    },
    /a proxy refuses to stream: 501, incremental_refused: .* configure it to stream text\/event-stream/,
  ],
  "a stream whose head is held": [() => {}, /no response within 0.1 s.* a proxy buffers the stream/, { timeout: 100 }],
  "a stream whose body is held": [
    (_, res) => res.writeHead(200, { ...GOOD, server: "lighttpd/1.4" }).flushHeaders(),
    /no byte of the body.* lighttpd needs server.stream-response-body = 2/,
    { timeout: 1_000 },
  ],
  "a stream that is ended": [
    (_, res) => {
      res.writeHead(200, GOOD).write(": \n\n")
      setTimeout(() => res.end(), 10)
    },
    /the stream was ended after [\d.]+ s/,
    { listen: 10_000 },
  ],
  "a stream that is cut": [
    (_, res) => {
      res.writeHead(200, GOOD).write(": \n\n")
      setTimeout(() => res.destroy(), 10)
    },
    /the stream was cut after [\d.]+ s/,
    { listen: 10_000 },
  ],
  "a stream whose heartbeats are held": [
    (_, res) => res.writeHead(200, GOOD).write(": heartbeat 10\n\n"),
    /no heartbeat within 0.1 s/,
  ],
}

for (const [what, [answer, bad, options]] of Object.entries(patients)) {
  test(`the doctor finds ${what}, and says what to do`, async (t) => {
    const [isWell, findings] = await examined(await serve(t, answer), { listen: 100, pollTimeout: 100, ...options })
    assert.equal(isWell, false)
    const said = findings.filter(({ kind }) => kind === "bad").map(({ text, todo }) => `${text}: ${todo}`)
    assert.equal(said.length, 1, said.join("\n"))
    assert.match(said[0] ?? "", bad)
  })
}

test("the doctor finds a server that is not there, and says what to do", async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as AddressInfo
  server.close()
  const [isWell, [finding, ...others]] = await examined(`http://127.0.0.1:${port}/`)
  assert.deepEqual([isWell, finding?.kind, others], [false, "bad", []])
  assert.equal(finding?.todo, "check the URL, and that the server is running")
})

test("the doctor finds no problem with a stream of a hub, and shows its server", async (t) => {
  const hub = createHub({ heartbeat: 100 })
  t.after(() => hub.close())
  let seen: unknown
  const url = await serve(t, (req, res) => {
    seen = req.headers["authorization"]
    sse(req, res, hub.subscribe({ topics: ["a"] }))
  })
  const [isWell, findings] = await examined(url, { headers: { authorization: "Bearer x" } })
  const said = findings.map(({ kind, text }) => `${kind} ${text}`)
  assert.equal(isWell, true, said.join("\n"))
  assert.ok(
    said.every((line) => line.startsWith("ok ")),
    said.join("\n"),
  )
  assert.match(said.join("\n"), /Incremental: \?1/)
  assert.match(said.join("\n"), /heartbeat at least every 0.1 s\nok still open/)
  assert.equal(seen, "Bearer x")
})

test("if streams are buffered, the doctor tries long polling", async (t) => {
  const hub = createHub({ heartbeat: 100 })
  t.after(() => hub.close())
  const url = await serve(t, (req, res) => {
    if (req.url?.includes("transport=poll")) sse(req, res, hub.subscribe({ topics: ["a"] }))
  })
  const [isWell, findings] = await examined(url, { timeout: 100 })
  assert.equal(isWell, false)
  assert.match(findings.at(-1)?.text ?? "", /^long polling works/)
})

test("onward doctor prints its findings, and ends with 0 or 1", async (t) => {
  const hub = createHub()
  t.after(() => hub.close())
  const well = await serve(t, (req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })))
  const unwell = await serve(t, (_, res) => res.writeHead(404).end())
  const runs = [well, unwell, "http://127.0.0.1:9/"].map((url) => runOnward(t, ["doctor", url, "--listen", "50"]))
  assert.deepEqual(await Promise.all(runs.map(({ ended }) => ended)), [0, 1, 1])
  const [good = "", bad = "", gone = ""] = runs.map(({ printed }) => printed())
  assert.match(good, /^ok {4}200, text\/event-stream\n[^]*\nNo problem found\.\n$/)
  assert.match(bad, /^BAD {3}the status is 404, not 200\n {6}→ check the path: the server has nothing there\n/)
  assert.match(gone, /^BAD {3}no connection: /)
})

/** What a terminal obeys: a colour, a title, a bell, a line of its own, text from right to left. */
const CONTROLS = "\u001b[31m\u001b]0;owned\u0007\u009b2J\u0085\u007f"

test("text of a server is escaped before it is printed to the terminal", async (t) => {
  const bytes = Buffer.from(Buffer.from(CONTROLS, "latin1").filter((byte) => byte >= 0x80 || byte === 0x09))
  const hostile = `x${bytes.toString("latin1")}y`
  const heads: Record<string, string>[] = [
    { "content-type": hostile },
    { ...STREAM, "cache-control": hostile, "content-encoding": hostile, server: hostile },
    { ...STREAM, "cache-control": "z".repeat(5_000) },
  ]
  for (const status of [200, 302]) {
    for (const head of heads) {
      const url = await serve(t, (_, res) => res.writeHead(status, { ...head, location: `/${hostile}` }).end(": \n\n"))
      const [, findings] = await examined(url, { listen: 50 })
      assert.ok(findings.length > 0)
      for (const { text, todo = "" } of findings) {
        assert.ok(!/\p{C}/u.test(text + todo), JSON.stringify(text + todo))
        assert.ok((text + todo).length < 1_500)
      }
    }
  }
})

test("text of another machine is printed without control sequences of terminals", () => {
  assert.equal(
    printable(`a${CONTROLS}\n\u202eb\u2028🦊é`).replaceAll(/\\u\{[\da-f]+\}/g, "."),
    "a.[31m.]0;owned..2J....b.🦊é",
  )
})

test("the pages that the doctor links have the linked sections", () => {
  const root = new URL("../../../../", import.meta.url)
  const source = readFileSync(new URL("packages/hub/src/doctor/examine.ts", root), "utf8")
  const named = [...source.matchAll(/(docs\/[\w-]+\.md), "([^"]+)"/g)]
  assert.ok(named.length >= 3, `${named.length} places`)
  for (const [place, page = "", section = ""] of named) {
    assert.ok(readFileSync(new URL(page, root), "utf8").includes(`\n## ${section}\n`), place)
  }
})
