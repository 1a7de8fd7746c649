import assert from "node:assert/strict"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { test } from "node:test"
import { setTimeout as sleep } from "node:timers/promises"
import { stream } from "onward/client"
import { reservePort } from "../../onward/test/reserve-port.ts"
import { runOnward, serveOnward, workersOf } from "./onward.ts"
import { readEvents } from "./read-events.ts"
import { publish } from "./server.ts"
import { temporaryFolder } from "./temporary-folder.ts"

test("workers share the port: each stream receives the messages of all workers, also when one is killed and replaced", async (t) => {
  const adminPort = await reservePort()
  const onward = await serveOnward(t, {
    data: join(temporaryFolder(t), "data"),
    args: ["--workers", "3", "--admin-port", String(adminPort)],
  })
  const { url, child } = onward
  assert.match(onward.printed(), /with 3 workers, its log is in .*events\.db/)
  const leave = new AbortController()
  t.after(() => leave.abort())
  const total = 300
  const readers = Array.from({ length: 6 }, async () => {
    const got: number[] = []
    const events = stream(`${url}/events?topic=count&last_event_id=earliest`, {
      signal: leave.signal,
      retry: { base: 10 },
    })
    for await (const { data } of events) if (got.push(Number(data)) === total) break
    return got
  })
  const before = workersOf(child.pid)
  assert.equal(before.length, 3)
  for (let i = 1; i <= total; i++) {
    // the one that is killed may have been asked: asked again with the same id, it is stored once
    for (;;) {
      const id = await publish(url, { topic: "count", data: String(i), id: `n${i}` }).catch(() => undefined)
      if (id !== undefined) break
      await sleep(20)
    }
    if (i === total / 2) process.kill(before[0] as number, "SIGKILL")
  }
  const all = Array.from({ length: total }, (_, i) => i + 1)
  for (const got of await Promise.all(readers)) assert.deepEqual(got, all)
  while (workersOf(child.pid).length < 3) await sleep(20)
  assert.match(onward.printed(), /Worker \d+ ended with SIGKILL\. Another one starts in 100 ms\./)

  // each number of the admin port is the sum of all workers, whichever of them answers
  const held = Array.from({ length: 4 }, () => stream(`${url}/events?topic=count&last=1`, { signal: leave.signal }))
  for (const events of held) await events.next()
  const admin = `http://127.0.0.1:${adminPort}`
  for (;;) {
    const metrics = await (await fetch(`${admin}/metrics`)).text()
    const health = (await (await fetch(`${admin}/healthz`)).json()) as { readonly live: number }
    const value = (name: string): string | undefined =>
      metrics
        .split("\n")
        .find((line) => line.startsWith(`${name} `))
        ?.slice(name.length + 1)
    const seen = [
      value("onward_window_entries"),
      value('onward_streams{api="events",state="live"}'),
      String(health.live),
    ]
    if (String(seen) === String([total * 3, 4, 4])) break
    await sleep(20)
  }
  child.kill("SIGTERM")
  assert.equal(await onward.ended, 0)
})

test("workers that cannot start print the reason once, and end with exit code 1", async (t) => {
  const first = await serveOnward(t, { data: join(temporaryFolder(t), "data") })
  const data = join(temporaryFolder(t), "data")
  const second = runOnward(t, ["serve", "--port", String(first.port), "--data", data, "--workers", "2"])
  assert.equal(await second.ended, 1)
  assert.match(
    second.printed(),
    new RegExp(`^(onward: Port ${first.port} on 127\\.0\\.0\\.1 is in use\\. [^\\n]*\\n)$`),
  )
})

test("any worker serves the dashboard for all: one session, the numbers of each, and streams that another one has", async (t) => {
  const folder = temporaryFolder(t)
  const key = "ok_an-admin-key-of-more-than-32-characters"
  const config = join(folder, "onward.yaml")
  const adminPort = await reservePort()
  const keys = [{ name: "ops", key, admin: true, subscribe: ["*"] }]
  writeFileSync(config, JSON.stringify({ auth: { keys }, admin: { port: adminPort }, workers: 2 }))
  const { url } = await serveOnward(t, { data: join(folder, "data"), args: ["--config", config] })
  const admin = `http://127.0.0.1:${adminPort}/admin`
  // a connection of its own, so that the next worker gets it
  const own = { connection: "close" }
  const signedIn = await fetch(`${admin}/session`, {
    method: "POST",
    headers: { ...own, "onward-admin": "1" },
    body: JSON.stringify({ key }),
  })
  const cookie = signedIn.headers.getSetCookie()[0]?.split(";")[0] ?? ""
  const headers = { ...own, cookie, "onward-admin": "1" }
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  for (let i = 0; i < 6; i++) {
    await fetch(`${url}/events?topic=a`, { headers: { authorization: `Bearer ${key}` }, signal: leaving.signal })
  }
  interface Listed {
    readonly streams: readonly { readonly worker: number; readonly id: string }[]
    readonly total: number
  }
  const list = async (): Promise<Listed> => (await (await fetch(`${admin}/streams`, { headers })).json()) as Listed
  const { streams, total } = await list()
  assert.equal(total, 6)
  assert.equal(new Set(streams.map(({ worker }) => worker)).size, 2, "both workers have streams")
  for (const { worker, id } of streams) {
    const closed = await fetch(`${admin}/streams/${worker}/${id}`, { method: "DELETE", headers })
    assert.equal(closed.status, 200, `${worker}/${id}`)
  }
  assert.equal((await list()).total, 0)
  const [, stats] = await readEvents(`${admin}/live`, 2, headers)
  const { workers } = JSON.parse(stats?.data ?? "") as { workers: readonly { worker: number }[] }
  assert.deepEqual(
    workers.map(({ worker }) => worker),
    [1, 2],
  )
  await fetch(`${admin}/session`, { method: "DELETE", headers })
  for (let i = 0; i < 4; i++) assert.equal((await fetch(`${admin}/streams`, { headers })).status, 401)
})
