import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running, running, take } from "./running.ts"

test("19: a run continues without its viewer, can be stopped by another client, and is kept over a restart", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "onward-example-"))
  t.after(() => rm(folder, { recursive: true }))
  const port = await reservePort()
  const env = { PORT: String(port), FILE: join(folder, "runs.db") }
  const url = `http://127.0.0.1:${port}/runs/one`
  let whole = ""
  await running(new Running("19-runs.ts", env), async () => {
    assert.equal(await (await fetchSoon(url, { method: "PUT" })).text(), "true")
    const [first, second] = await take(await fetch(url), 2)
    assert.equal(first?.data, "This ")
    // the page is loaded again
    assert.equal(await (await fetch(url, { method: "PUT" })).text(), "false")
    const [third] = await take(await fetch(url, { headers: { "last-event-id": second?.id ?? "" } }), 1)
    assert.match(third?.data ?? "", /^is /)
    assert.equal(await (await fetch(url, { method: "DELETE" })).text(), "stopped")
    whole = await (await fetch(url)).text()
    assert.match(whole, /data: This text is .*\n\n(?:event: end\nid: \S+\ndata: \{"status":"stopped"\}\n\n)$/)
  })
  await running(new Running("19-runs.ts", env), async () => {
    assert.equal(await (await fetchSoon(url)).text(), whole)
  })
})

test("25: a response that is cut resumes with the next token, a second tab receives all of it, and DELETE stops it for both", async () => {
  const port = await reservePort()
  await running(new Running("25-resume-and-stop.ts", { PORT: String(port) }), async (example) => {
    const url = `http://127.0.0.1:${port}/answers/one`
    assert.equal(await (await fetchSoon(url, { method: "PUT" })).text(), "one")
    const [first, second] = await take(await fetch(url), 2)
    // a page that asks late gets several tokens in one event
    const next = `${first?.data}${second?.data}`.split(" ").length
    const resume = (): Promise<Response> => fetch(url, { headers: { "last-event-id": second?.id ?? "" } })
    const [third] = await take(await resume(), 1)
    assert.match(third?.data ?? "", new RegExp(`^${next} `))
    const resumed = await resume()
    const secondTab = await fetch(url)
    assert.equal(await (await fetch(url, { method: "DELETE" })).text(), "stopped")
    const [rest, all] = await Promise.all([resumed.text(), secondTab.text()])
    assert.match(rest, new RegExp(`^data: ${next} `, "m"))
    assert.match(all, /^data: 1 2 /m)
    for (const text of [rest, all]) {
      assert.match(text, /event: end\nid: \S+\ndata: \{"status":"stopped"\}\n\n$/)
    }
    const [, end = ""] = /event: end\nid: (\S+)/.exec(rest) ?? []
    assert.equal((await fetch(url, { headers: { "last-event-id": end } })).status, 204)
    assert.equal(example.output, "", "an aborted model is not an error")
  })
})
