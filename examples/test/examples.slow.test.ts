import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { handler } from "../05-fetch.ts"
import { arrived, events, hub } from "../06-typed-events.ts"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running, running, take } from "./running.ts"

test("README.md shows the examples as they are", async () => {
  const script = new URL("../../scripts/readme.ts", import.meta.url).pathname
  await promisify(execFile)(process.execPath, [script, "--check"])
})

test("01: a live feed reaches curl, and a reconnect resumes after the last event", async () => {
  const port = await reservePort()
  await running(new Running("01-hello.ts", { PORT: String(port) }), async () => {
    const url = `http://127.0.0.1:${port}/`
    const [first, second] = await take(await fetchSoon(url), 2)
    assert.equal(first?.event, "tick")
    const [again] = await take(await fetch(url, { headers: { "last-event-id": first.id } }), 1)
    assert.deepEqual(again, second)
  })
})

test("02: the client prints ticks with their ids, and resumes after the server was restarted", async () => {
  const port = await reservePort()
  const url = `http://127.0.0.1:${port}/`
  await running(new Running("02-client.ts", { URL: url }), async (client) => {
    const ticks = (): number => client.output.match(/^\w{8}~\w+ \{ at: '/gm)?.length ?? 0
    for (const count of [1, 2]) {
      await running(new Running("01-hello.ts", { PORT: String(port) }), async () => {
        for (let i = 0; i < 600 && ticks() < count; i++) await sleep(50)
        assert.ok(ticks() >= count, client.output)
      })
    }
    // the log of the server that came back is another one, which the client is told
    assert.match(client.output, /^missed \{ reason: 'epoch'/m)
  })
})

test("02: the browser's own EventSource gets the same ticks", async () => {
  const port = await reservePort()
  const url = `http://127.0.0.1:${port}/`
  const script = `new EventSource("${url}").addEventListener("tick", ({ data }) => { console.log(data); process.exit() })`
  await running(new Running("01-hello.ts", { PORT: String(port) }), async () => {
    await fetchSoon(url, { method: "HEAD" })
    const args = ["--experimental-eventsource", "--eval", script]
    const { stdout } = await promisify(execFile)(process.execPath, args)
    assert.match(stdout, /^\{"at":"/)
  })
})

test("03: notifications survive kill -9 of the server, for all topics of a connection", async () => {
  const folder = await mkdtemp(join(tmpdir(), "onward-example-"))
  try {
    const port = await reservePort()
    const env = { PORT: String(port), FILE: join(folder, "events.db") }
    const url = `http://127.0.0.1:${port}/?user=ada`
    let id = ""
    await running(new Running("03-notifications.ts", env), async (server) => {
      id = (await (await fetchSoon(url, { method: "POST" })).text()).trim()
      const [notice] = await take(await fetch(url), 1)
      assert.deepEqual(notice, { event: "notice", data: "Your order has shipped.", id })
      await (await fetch(url, { method: "POST" })).text()
      await server.stop("SIGKILL")
    })
    await running(new Running("03-notifications.ts", env), async () => {
      const [missed] = await take(await fetchSoon(url, { headers: { "last-event-id": id } }), 1)
      assert.equal(missed?.event, "notice")
      assert.ok(missed.id > id)
    })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test("04: a custom source resumes at its ids, ends with stream.end, and then responds with 204", async () => {
  const port = await reservePort()
  await running(new Running("04-own-source.ts", { PORT: String(port) }), async () => {
    const url = `http://127.0.0.1:${port}/`
    const rest = await take(await fetchSoon(url, { headers: { "last-event-id": "10" } }), 3)
    assert.deepEqual(rest, [
      { event: "message", data: "is", id: "11" },
      { event: "message", data: "there.", id: "12" },
      { event: "stream.end", data: "{}", id: "stream.end" },
    ])
    assert.equal((await fetch(url, { headers: { "last-event-id": "stream.end" } })).status, 204)
  })
})

test("05: a fetch-style handler streams what is published", async () => {
  const request = (init?: RequestInit) => new Request("http://localhost/", init)
  const { id } = (await (await handler.fetch(request({ method: "POST", body: "hello" }))).json()) as { id: string }
  assert.deepEqual(await take(await handler.fetch(request()), 1), [{ event: "message", data: "hello", id }])
})

test("06: typed events are checked when published and when they arrive", async () => {
  assert.deepEqual(arrived, { event: "price", data: { symbol: "ACME", price: 12.5 } })
  const wrong = { topic: "prices", event: "price", data: { symbol: "ACME", price: "dear" } }
  // @ts-expect-error -- the price must be a number
  await assert.rejects(hub.publish(wrong), { code: "validation_failed" })
  await assert.rejects(events.parse({ event: "other", data: "1" }), { code: "validation_failed" })
  await hub.close()
})

test("08: a response requested by POST is printed as it arrives, and ends when it is complete", async () => {
  const port = await reservePort()
  await running(new Running("04-own-source.ts", { PORT: String(port) }), async () => {
    const url = `http://127.0.0.1:${port}/`
    await fetchSoon(url, { method: "HEAD" })
    const path = new URL("../08-answer.ts", import.meta.url).pathname
    const args = ["--conditions=onward-source", path]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, URL: url } })
    assert.equal(stdout, "Every word of this answer arrives as soon as it is there. ")
  })
})
