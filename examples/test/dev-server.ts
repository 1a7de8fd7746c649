import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { createHub } from "onward"
import { sse } from "onward/node"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running, running } from "./running.ts"

const page = new URL("../../docs/troubleshooting.md", import.meta.url)

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 500) throw new Error(`waited in vain: ${what}`)
    await sleep(10)
  }
}

/** Runs a development server of Vite, installed in `installed`, by the configuration of docs/troubleshooting.md; each side leaves once. */
export async function leaveThroughVite(t: TestContext, installed: string): Promise<void> {
  const hub = createHub()
  const server = http.createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["a"] })))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    await hub.close()
    server.close()
    server.closeAllConnections()
  })
  const folder = await mkdtemp(join(tmpdir(), "onward-vite-"))
  t.after(() => rm(folder, { recursive: true }))
  const [, config = ""] = /^```\n(\/\/ vite\.config\.js\n[\s\S]*?)^```$/m.exec(await readFile(page, "utf8")) ?? []
  const target = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await writeFile(join(folder, "vite.config.js"), config.replace("http://127.0.0.1:3000", target))
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  await symlink(join(installed, "node_modules"), join(folder, "node_modules"))

  const port = await reservePort()
  const args = ["dev", folder, "--host=127.0.0.1", `--port=${port}`, "--strictPort", "--logLevel=error"]
  await running(new Running(join(installed, "node_modules/vite/bin/vite.js"), {}, args), async () => {
    const leave = new AbortController()
    const url = `http://127.0.0.1:${port}/events`
    const response = await fetchSoon(url, { signal: leave.signal })
    assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8")
    await until("the stream stands", () => hub.stats().live === 1)
    leave.abort()
    await until("the server sees that the client left", () => hub.stats().connections === 0)

    const { body } = await fetch(url)
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    server.closeAllConnections()
    await assert.rejects(async () => {
      while (!(await reader.read()).done);
    }, TypeError)
  })
}
