import assert from "node:assert/strict"
import { test } from "node:test"
import { redisMissing, startRedis } from "../../../onward/test/stores/redis.ts"
import { ask, asking, bearer, DIALECTS, mercureHub, open, send, tokenOf } from "./mercure-hub.ts"

test("hubs that share a log in Redis deliver and replay each other's updates", { skip: redisMissing }, async (t) => {
  const redis = await startRedis()
  t.after(() => redis.close())
  const [first, second] = [await mercureHub(t, {}, { log: redis.url }), await mercureHub(t, {}, { log: redis.url })]
  const [topic, other] = ["https://example.com/a", "https://example.com/b"]
  for (const dialect of DIALECTS) {
    const token = bearer(await tokenOf(dialect, { subscribe: [other] }))
    const reader = await open(t, second, asking(dialect, topic), token)
    const anonymous = await open(t, second, asking(dialect, topic))
    const id = `CREATE-${dialect}`
    for (const data of ["one", "two"]) {
      const fields = [
        ["topic", topic],
        ["topic", other],
        ["id", id],
        ["data", data],
        ["private", "on"],
      ] as const
      assert.equal((await send(first, dialect, fields)).text, id)
      const { data: received, id: given } = await reader.next()
      assert.deepEqual([received, given], [data, id])
    }
    await send(first, dialect, [
      ["topic", topic],
      ["data", "public"],
    ])
    assert.deepEqual([(await reader.next()).data, (await anonymous.next()).data], ["public", "public"])
    const resumed = await open(t, second, asking(dialect, other, topic), { ...token, "last-event-id": id })
    assert.equal(resumed.response.headers.get(dialect === 0 ? "last-event-id" : "mercure-last-event-id"), id)
    assert.deepEqual(await resumed.until("public"), ["two"])
    const outsider = await open(t, second, asking(dialect, topic), { "last-event-id": id })
    // the id of a private update is unknown to a client that cannot read it
    assert.equal((await outsider.next()).event, "stream.gap")
  }
})

test(
  "54: hubs that share a log in Redis list each other's subscribers, and tell each disconnect once",
  { skip: redisMissing },
  async (t) => {
    const redis = await startRedis()
    t.after(() => redis.close())
    const settings = { subscriptions: true, anonymous: false, grace: "100ms" }
    const [first, second] = [
      await mercureHub(t, settings, { log: redis.url }),
      await mercureHub(t, settings, { log: redis.url }),
    ]
    const all = bearer(await tokenOf(0, { subscribe: ["*"] }))
    const watching = await open(t, second, "topic=*", all)
    await watching.next()
    const stream = await open(t, first, "topic=room", all)
    const { subscriptions } = JSON.parse((await ask(`${second.hub}/subscriptions/room`, { headers: all })).text) as {
      subscriptions: { subscriber: string }[]
    }
    assert.equal(subscriptions.length, 1)
    const told = JSON.parse((await watching.next()).data) as { subscriber: string; active: boolean }
    assert.deepEqual([told.subscriber, told.active], [subscriptions[0]?.subscriber, true])
    stream.close()
    assert.deepEqual(JSON.parse((await watching.next()).data), { ...told, active: false })
    await send(first, 0, [
      ["topic", "end"],
      ["data", "end"],
    ])
    assert.deepEqual(await watching.until("end"), [])
  },
)
