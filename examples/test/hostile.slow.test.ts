import assert from "node:assert/strict"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { LONG, sendHostileRequests, statusOf } from "./hostile.ts"
import { fetchSoon, Running, running } from "./running.ts"

/** Examples that export a fetch-style handler: a program serves it, as frameworks do on Node. */
const FETCH_STYLE = new Set(["05-fetch", "15-durable-object"])

/** What must be refused as the client's mistake. After any other request the process must live, and not answer 500. */
const EXAMPLES: Readonly<Record<string, readonly (readonly [method: string, target: string])[]>> = {
  "01-hello": [["GET", "/?last=-1"]],
  "03-notifications": ["/?user=*", "/?user=%00", `/?user=${LONG}`, "http://localhost/?user=*"].flatMap((target) => [
    ["GET", target] as const,
    ["POST", target] as const,
  ]),
  "04-own-source": [["GET", "/?last=-1"]],
  "05-fetch": [["GET", "/?last=-1"]],
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
  "15-durable-object": [["GET", "/?last=-1"]],
  "18-trpc": [
    ["GET", "/trpc/%"],
    ["POST", "/trpc/none"],
  ],
  "19-runs": [
    ["PUT", `/runs/${LONG}`],
    ["GET", `/runs/${LONG}`],
  ],
  "25-resume-and-stop": [["GET", "/answers/none"]],
}

for (const [example, refused] of Object.entries(EXAMPLES)) {
  test(`${example}: no request ends the process, and mistakes of the client are reported as such`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), "onward-hostile-"))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, example === "13-log-tail" ? "app.log" : "log.db")
    if (example === "13-log-tail") await writeFile(file, "one\n")
    const program = FETCH_STYLE.has(example) ? `test/programs/${example}.ts` : `${example}.ts`
    const port = await reservePort()
    await running(new Running(program, { PORT: String(port), FILE: file }), async (server) => {
      await fetchSoon(`http://127.0.0.1:${port}/none`, { method: "HEAD" })
      await sendHostileRequests(server, port)
      for (const [method, target] of refused) {
        const status = await statusOf(port, method, target)
        assert.ok(status !== undefined && status >= 400 && status < 500, `${method} ${target.slice(0, 40)}: ${status}`)
      }
      await fetch(`http://127.0.0.1:${port}/`, { method: "HEAD" })
      assert.equal(server.process.exitCode, null)
    })
  })
}
