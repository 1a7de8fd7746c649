import assert from "node:assert/strict"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { test } from "node:test"
import { reservePort } from "../../packages/onward/test/reserve-port.ts"
import { fetchSoon, Running, running, take } from "./running.ts"

test("19: an answer goes on without its reader, is stopped from elsewhere, and is there after a restart", async (t) => {
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
