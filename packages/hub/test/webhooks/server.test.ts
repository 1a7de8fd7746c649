import assert from "node:assert/strict"
import { createHmac } from "node:crypto"
import { setTimeout as sleep } from "node:timers/promises"
import { test } from "node:test"
import { testServer } from "../server.ts"
import type { WebhookStatus } from "../../src/webhooks/index.ts"
import { startReceiver } from "./receiver.ts"

test("a hub server tells its webhooks, keeps what they did not take, and reports without secrets", async (t) => {
  let status = 204
  const receiver = await startReceiver(t, () => status)
  const secret = "a secret of more than thirty-two bytes"
  const hook = {
    url: `${receiver.url}?token=hidden`,
    events: ["topic.occupied", "user.joined", "stream.opened"],
    topics: ["room/*"],
    secret,
    privateNetworks: ["127.0.0.1"],
  }
  const server = await testServer(t, { webhooks: [hook] })
  const open = (topic: string, userId: string) =>
    fetch(`${server.url}/events?topic=${topic}&userId=${userId}`, { signal: leaving.signal })
  const leaving = new AbortController()
  const until = async (holds: () => boolean): Promise<void> => {
    for (let i = 0; !holds(); i++) {
      assert.ok(i < 1_000, server.errors.join("; "))
      await sleep(10)
    }
  }
  await open("room/1", "ada")
  await open("news", "ada")
  await until(() => receiver.accepted().length === 3)
  assert.deepEqual(receiver.accepted().sort(), ["stream.opened ada", "topic.occupied room/1", "user.joined room/1 ada"])
  status = 500
  await open("room/2", "bob")
  await until(() => receiver.all.length > 3)
  leaving.abort()
  await server.close()
  assert.doesNotMatch(server.errors.map(String).join(), /hidden|secret of/)
  assert.match(server.errors.map(String).join(), /webhook at 127\.0\.0\.1/)

  status = 204
  const next = await testServer(t, { webhooks: [hook], data: server.data })
  await until(() => receiver.accepted().length >= 6)
  await next.close()
  assert.deepEqual(
    receiver
      .accepted()
      .filter((event) => event.includes("room/2"))
      .sort(),
    ["topic.occupied room/2", "user.joined room/2 bob"],
  )
})

test("a reload replaces secrets and URLs, and operators see why a webhook fails", async (t) => {
  const receiver = await startReceiver(t)
  const hook = { name: "app", url: "http://127.0.0.1:9/", events: ["stream.opened"], secret: "a".repeat(32) }
  const server = await testServer(t, {
    webhooks: [{ ...hook, privateNetworks: ["127.0.0.1"] }],
    admin: { port: 0 },
    log: "memory:",
  })
  const leaving = new AbortController()
  t.after(() => leaving.abort())
  const status = async (): Promise<WebhookStatus | undefined> => {
    const response = await fetch(`${server.adminUrl}/admin/webhooks`)
    return ((await response.json()) as { webhooks: WebhookStatus[] }).webhooks[0]
  }
  await fetch(`${server.url}/events?topic=news`, { signal: leaving.signal })
  let now = await status()
  while (!now?.failing) now = await status()
  assert.match(now.failing.reason, /ECONNREFUSED/)
  assert.deepEqual([now.name, now.host, now.events, now.waiting], ["app", "127.0.0.1:9", ["stream.opened"], 1])
  const metrics = await (await fetch(`${server.adminUrl}/metrics`)).text()
  assert.match(metrics, /^onward_webhook_queue\{webhook="app"\} 1$/m)
  assert.match(metrics, /^onward_webhook_deliveries_total\{webhook="app",outcome="unreachable"\} [1-9]/m)

  const other = { ...hook, url: `${receiver.url}/new`, secret: "b".repeat(32), privateNetworks: ["127.0.0.1"] }
  assert.deepEqual(server.reload({ webhooks: [other] }).applied, ["webhooks"])
  while (receiver.all.length === 0) await sleep(10)
  const [{ text, signature } = { text: "", signature: "" }] = receiver.all
  const [, time = "", sum] = /^t=(\d+),v1=(\w+)$/.exec(signature) ?? []
  assert.equal(sum, createHmac("sha256", "b".repeat(32)).update(`${time}.${text}`).digest("hex"))
  while (now?.failing || !now?.deliveredAt) now = await status()
  assert.deepEqual([now.waiting, now.outcomes.delivered], [0, 1])

  // presence is counted from the start of a hub
  const { applied, needRestart } = server.reload({ webhooks: [{ ...other, events: ["topic.occupied"] }] })
  assert.deepEqual([applied, needRestart], [[], ["webhooks"]])
  assert.deepEqual(server.reload({ webhooks: [] }).applied, ["webhooks"])
  assert.equal(await status(), undefined)
})
