// Runs snippets of README.md and docs/ that are no files of examples/.
import assert from "node:assert/strict"
import { once } from "node:events"
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import http from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test, type TestContext } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { createHub, type Hub } from "onward"
import { stream } from "onward/client"
import { sse } from "onward/node"
import { parse } from "onward/protocol"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { Running, running } from "./running.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

async function serve(t: TestContext, handler: http.RequestListener): Promise<string> {
  const server = http.createServer(handler).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(t: TestContext): Hub {
  const hub = createHub()
  t.after(() => hub.close())
  return hub
}

const topicsOf = (req: http.IncomingMessage): string[] =>
  new URL(req.url ?? "", "http://hub").searchParams.getAll("topic")

test("docs/production.md: a stream of other topics at the old cursor misses and repeats nothing", async (t) => {
  const hub = open(t)
  const url = await serve(t, (req, res) => sse(req, res, hub.subscribe({ topics: topicsOf(req), from: "earliest" })))
  await hub.publish({ topic: "room/1", data: "first" })
  let events = stream(`${url}/?topic=room/1`)
  assert.equal((await events.next()).value?.data, "first")
  const { lastEventId } = events
  events.close()
  await hub.publish({ topic: "room/2", data: "between, of the new topic" })
  await hub.publish({ topic: "room/1", data: "between, of the old topic" })
  events = stream(`${url}/?topic=room/1&topic=room/2`, { lastEventId })
  const got = [(await events.next()).value?.data, (await events.next()).value?.data]
  await hub.publish({ topic: "room/2", data: "live" })
  got.push((await events.next()).value?.data)
  events.close()
  assert.deepEqual(got, ["between, of the new topic", "between, of the old topic", "live"])
})

test("docs/adapters.md: the stream of another server is passed on, with its ids, and resumes there", async (t) => {
  const hub = open(t)
  const upstreamUrl = await serve(t, (req, res) => sse(req, res, hub.subscribe({ topics: ["a"], from: "earliest" })))
  const url = await serve(t, (req, res) =>
    sse(
      req,
      res,
      async function* ({ lastEventId, signal }) {
        const headers = { ...(lastEventId !== undefined && { "last-event-id": lastEventId }) }
        const upstream = await fetch(upstreamUrl, { headers, signal })
        if (!upstream.ok || upstream.body === null) throw new Error(`upstream answered ${upstream.status}`)
        yield* parse(upstream.body)
      },
      { end: false },
    ),
  )
  const id = await hub.publish({ topic: "a", event: "tick", data: "1" })
  const events = stream(url)
  const { value } = await events.next()
  assert.deepEqual([value?.event, value?.data, value?.id], ["tick", "1", id])
  events.close()
  await hub.publish({ topic: "a", data: "2" })
  const resumed = stream(url, { lastEventId: id })
  assert.equal((await resumed.next()).value?.data, "2")
  resumed.close()
})

test("README.md: its server and its client, run as they stand, print ticks", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "onward-readme-"))
  t.after(() => rm(folder, { recursive: true }))
  await symlink(join(root, "node_modules"), join(folder, "node_modules"))
  const port = String(await reservePort())
  const page = await readFile(join(root, "README.md"), "utf8")
  const [server = "", client = ""] = [...page.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code]) => code)
  for (const [name, code] of Object.entries({ server, client })) {
    assert.ok(code.includes("3000"), `${name} has no port`)
    await writeFile(join(folder, `${name}.mts`), code.replace("3000", port))
  }
  await running(new Running(join(folder, "server.mts")), async (server) => {
    await running(new Running(join(folder, "client.mts")), async (client) => {
      const ticks = (): number => client.output.match(/^\w{8}~\w+ \{ at: '/gm)?.length ?? 0
      for (let i = 0; i < 1_200 && ticks() < 2; i++) await sleep(50)
      assert.ok(ticks() >= 2, `${server.output}${client.output}`)
    })
  })
})
