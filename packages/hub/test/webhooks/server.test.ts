import assert from "node:assert/strict"
import { setTimeout as sleep } from "node:timers/promises"
import { test } from "node:test"
import { testServer } from "../server.ts"
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
