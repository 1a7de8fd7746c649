import assert from "node:assert/strict"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import net from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running, running } from "./running.ts"

/** Longer than any topic, id of a run or event id may be. */
const LONG = "x".repeat(1_100)

/** Request targets as no browser sends them: RFC 9112 section 3.2, and what is not in it. */
const TARGETS = [
  "//[",
  "//",
  "/\\",
  "/?user=*",
  "/?user=%00",
  "/?user=%",
  "/?user=%E0%A4%A",
  "/?user=%ED%A0%80",
  "/?user=%0D%0AX:1",
  "/?user=",
  "/?user=stream.x",
  "/?user=:id",
  `/?user=${LONG}`,
  "/?last=-1",
  "/?since=never",
  "/?last_event_id=%00",
  `/?last_event_id=${LONG}`,
  "/?last_event_id=-5",
  "/*",
  "/%00",
  "/%",
  `/${LONG}`,
  "/events?last=x",
  "//[/events",
  "/runs/%",
  "/runs/*",
  `/runs/${LONG}`,
  "/trpc/%",
  "/trpc/say?input=%00",
  "*",
  "http://localhost/?user=*",
  "http://[/",
  "user=*",
  "/\u0007",
  `/${"y".repeat(100_000)}`,
  "",
]

/** What must be refused by name; whatever else comes, only the process has to live, and not to blame itself. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [method: string, target: string])[]>> = {
  "01-hello": [["GET", "/?last=-1"]],
  "03-notifications": ["/?user=*", "/?user=%00", `/?user=${LONG}`, "http://localhost/?user=*"].flatMap((target) => [
    ["GET", target] as const,
    ["POST", target] as const,
  ]),
  "04-own-source": [["GET", "/?last=-1"]],
  "09-express": [["GET", "/events?last=x"]],
  "10-hono": [["GET", "/events?last=x"]],
  "11-fastify": [["GET", "/events?last=x"]],
  "12-users": [
    ["POST", "/*"],
    ["POST", "/"],
    ["POST", `/${LONG}`],
    ["POST", "*"],
  ],
  "13-log-tail": [["GET", "/?last=-1"]],
  "18-trpc": [
    ["GET", "/trpc/%"],
    ["POST", "/trpc/none"],
  ],
  "19-runs": [
    ["PUT", `/runs/${LONG}`],
    ["GET", `/runs/${LONG}`],
  ],
}

/** Sends a request byte for byte; resolves to the status of its answer, undefined when the connection is closed without one. */
function statusOf(port: number, method: string, target: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1")
    let text = ""
    const finish = (): void => {
      const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]
      resolve(status === undefined ? undefined : Number(status))
      socket.destroy()
    }
    socket.on("data", (chunk) => {
      text += String(chunk)
      if (text.includes("\r\n")) finish()
    })
    socket.on("error", finish)
    socket.on("close", finish)
    const head = [`${method} ${target} HTTP/1.1`, "Host: localhost", "Cookie: session=cookie-of-ada"]
    const body = method === "GET" ? [] : ["Content-Type: text/plain", "Content-Length: 0"]
    socket.write([...head, ...body, "", ""].join("\r\n"))
  })
}

for (const [example, refused] of Object.entries(EXAMPLES)) {
  test(`${example}: no request ends the process, and the client's mistakes are answered as such`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "onward-hostile-"))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, example === "13-log-tail" ? "app.log" : "log.db")
    if (example === "13-log-tail") await writeFile(file, "one\n")
    const port = await reservePort()
    await running(new Running(`${example}.ts`, { PORT: String(port), FILE: file }), async (server) => {
      await fetchSoon(`http://127.0.0.1:${port}/none`, { method: "HEAD" })
      for (const target of TARGETS) {
        for (const method of ["GET", "POST", "PUT", "DELETE"]) {
          const status = await statusOf(port, method, target)
          assert.ok(
            status === undefined || status < 500,
            `${method} ${target.slice(0, 40)}: ${status}\n${server.output}`,
          )
          assert.equal(server.process.exitCode, null, `${method} ${target.slice(0, 40)}\n${server.output}`)
        }
      }
      for (const [method, target] of refused) {
        const status = await statusOf(port, method, target)
        assert.ok(status !== undefined && status >= 400 && status < 500, `${method} ${target.slice(0, 40)}: ${status}`)
      }
      await fetch(`http://127.0.0.1:${port}/`, { method: "HEAD" })
      assert.equal(server.process.exitCode, null)
    })
  })
}
