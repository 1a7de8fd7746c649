import assert from "node:assert/strict"
import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { connect, type AddressInfo } from "node:net"
import { join } from "node:path"
import { once } from "node:events"
import { test, type TestContext } from "node:test"
import { openAccessLog } from "../src/access-log.ts"
import { createRequestLog } from "../src/request-log.ts"
import { temporaryFolder } from "./temporary-folder.ts"

/** The file that is open as a descriptor; undefined for one that has just been closed. */
function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(descriptor)
  } catch {
    return undefined
  }
}

interface Logged {
  readonly path: string
  readonly errors: unknown[]
  /** Sends these bytes as one request and waits for its answer. */
  send(request: string): Promise<void>
}

/** A server that does nothing but write its access log. */
async function logged(t: TestContext, options?: { maxBytes: number }, before = ""): Promise<Logged> {
  const path = join(temporaryFolder(t), "access.log")
  if (before !== "") writeFileSync(path, before)
  const errors: unknown[] = []
  const log = openAccessLog(path, (error) => errors.push(error), options)
  const requestLog = createRequestLog(log.write)
  const server = createServer((req, res) => {
    requestLog.watch(req, res).isKnown(/^\/(?:events|\d+|first)?(?=[?#]|$)/.exec(req.url ?? "")?.[0] ?? "/***")
    res.end()
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    log.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    path,
    errors,
    async send(request) {
      const socket = connect(port, "127.0.0.1")
      socket.end(Buffer.from(request, "latin1"))
      await socket.resume().toArray()
    },
  }
}

const linesOf = (path: string): string[] => readFileSync(path, "utf8").trimEnd().split("\n")
const request = (target: string, headers = ""): string =>
  `GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}\r\n`

test("a request is a line: time, address, request, status, duration, user agent", async (t) => {
  const { path, send } = await logged(t)
  await send(request("/events?topic=hello", "User-Agent: curl/8\r\n"))
  const line = /^\d{4}-\d\d-\d\dT[\d:.]+Z 127\.0\.0\.1 "GET \/events\?topic=hello" 200 \d+\.\dms "curl\/8"\n$/
  assert.match(readFileSync(path, "utf8"), line)
})

test("no request can start a line, end a quote or send control characters in the access log", async (t) => {
  const { path, send } = await logged(t)
  const agents = [
    '"quoted" \\ back',
    "\u001b[2Jgone",
    "\u0085next\u009b31m",
    "t\tab",
    "\u007f\u0000".slice(0, 1),
    "ÿþ",
    "<script>alert(1)</script>",
  ]
  for (const agent of agents) await send(request("/", `User-Agent: ${agent}\r\n`))
  await send(request('/%0d%0a"x"\u0085'))
  const lines = linesOf(path)
  for (const line of lines)
    assert.match(
      line,
      /^[ !#-[\]-~]* "(?:[ !#-[\]-~]|\\u\{[\da-f]+\})*" \d+ [\d.]+ms "(?:[ !#-[\]-~]|\\u\{[\da-f]+\})*"$/,
    )
  assert.ok(
    lines.length > 0 && lines.length <= agents.length + 1,
    "at most one line a request; some the parser refuses",
  )
})

test("the access log does not contain query parameters that can be secret", async (t) => {
  const { path, send } = await logged(t)
  await send(
    request(
      "/events?topic=a&token=s3cret&s3cret&Authorization=s3cret&last=5&topic%3d=s3cret",
      "Authorization: Bearer s3cret\r\nCookie: s3cret\r\n",
    ),
  )
  const text = readFileSync(path, "utf8")
  assert.ok(!text.includes("s3cret"), text)
  assert.match(text, /"GET \/events\?topic=a&\*\*\*&\*\*\*&\*\*\*&last=5&\*\*\*"/)
})

const SECRETS = [
  "/s3cret",
  "/events/s3cret",
  "/events;s3cret=1?topic=a",
  "/events?topic=a;token=s3cret",
  "/events?topic=a&last=5;s3cret#s3cret",
  "/events?topic=a#access_token=s3cret",
  "/events#topic=s3cret?topic=s3cret",
  "http://user:s3cret@localhost/events?topic=a",
  "http://s3cret.localhost/events?topic=a&x=s3cret",
  "//user:s3cret@localhost/events",
  "/s3cret/../events?topic=a",
  "/%73%33cret/s3cret?s3cret?topic=s3cret",
  "/events?topic=a&Topic=s3cret",
]

test("the access log does not contain secrets of a path, a parameter, a fragment or a user name", async (t) => {
  const { path, send } = await logged(t)
  for (const target of SECRETS) await send(request(target))
  const lines = linesOf(path)
  assert.equal(lines.length, SECRETS.length)
  for (const line of lines) assert.ok(!/s3cret|%73/.test(line), line)
  assert.match(lines[3] ?? "", /"GET \/events\?topic=a;\*\*\*"/)
})

test("the length of a log line is limited, independent of the request", async (t) => {
  const { path, send } = await logged(t)
  await send(request(`/${"x".repeat(8_000)}`, `User-Agent: ${"\u00e4".repeat(4_000)}\r\n`))
  assert.ok(statSync(path).size < 8_000)
})

test("the log is rotated when it is full, also when it was full at the start, and one old file is kept", async (t) => {
  const { path, send, errors } = await logged(t, { maxBytes: 300 }, "old\n".repeat(100))
  await send(request("/first"))
  assert.equal(readFileSync(`${path}.1`, "utf8"), "old\n".repeat(100))
  for (let i = 0; i < 20; i++) await send(request(`/${i}`))
  assert.ok(statSync(path).size < 400 && statSync(`${path}.1`).size < 400)
  assert.match(linesOf(path).at(-1) ?? "", /"GET \/19"/)
  assert.deepEqual(errors, [])
})

test("a rotated access log begins again with an empty file, which holds as many bytes as the first", (t) => {
  const path = join(temporaryFolder(t), "access.log")
  const log = openAccessLog(path, (error) => assert.fail(String(error)), { maxBytes: 2_000 })
  const visit = { address: "127.0.0.1", method: "GET", target: "/", status: 200, duration: 1, userAgent: "test" }
  const sizes: number[] = []
  for (let i = 0; i < 100; i++) {
    log.write(visit)
    sizes.push(statSync(path).size)
  }
  const open = (): string[] => readdirSync("/proc/self/fd").flatMap((fd) => linkOf(`/proc/self/fd/${fd}`) ?? [])
  assert.deepEqual(
    open().filter((file) => file.startsWith(path)),
    [path],
    "rotated files are closed",
  )
  log.close()
  const rotations = sizes.filter((size, i) => size < (sizes[i - 1] ?? 0)).length
  const line = sizes[0] ?? 0
  assert.equal(rotations, Math.floor(99 / Math.ceil(2_000 / line)))
  assert.ok(statSync(`${path}.1`).size >= 2_000)
})
