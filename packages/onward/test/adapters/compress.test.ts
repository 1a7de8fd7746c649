import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "onward"
import { rigs, withServer } from "./rigs.ts"

const accepting = { headers: { "accept-encoding": "gzip, deflate, br" } }
const plain = { headers: { "accept-encoding": "identity" } }
const event = (n: number): string =>
  JSON.stringify({ n, status: "shipped", note: "the same in every event, or nearly" })

for (const rig of rigs) {
  test(`${rig.name}: ${rig.isNode ? "events are compressed once for all clients" : "nothing is compressed with the option"}, and each client receives every event at once`, async () => {
    await using hub = createHub()
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe({ topics: ["news"], from: "earliest" }), { compress: "shared" }),
      async (ask) => {
        const exchanges = [await ask(accepting), await ask(plain), await ask(accepting)]
        for (let n = 0; n < 12; n++) {
          if (n === 5) exchanges.push(await ask(accepting))
          await hub.publish({ topic: "news", data: event(n) })
          for (const exchange of exchanges) await exchange.has(event(n))
        }
        await hub.publish({ topic: "news", data: "x".repeat(100_000) })
        for (const exchange of exchanges) await exchange.has("x".repeat(100_000))
        await hub.drain({ duration: 0 })
        for (const exchange of exchanges) {
          assert.equal(await exchange.over(), "ended", "whole, with its sum and length")
          assert.deepEqual(
            exchange.data.slice(0, 12),
            Array.from({ length: 12 }, (_, n) => event(n)),
          )
        }
        const codings = exchanges.map(({ headers }) => headers["content-encoding"])
        assert.deepEqual(
          codings,
          rig.isNode ? ["gzip", undefined, "gzip", "gzip"] : [undefined, undefined, undefined, undefined],
        )
        if (rig.isNode) for (const { headers } of exchanges) assert.match(headers["vary"] ?? "", /Accept-Encoding/)
      },
    )
  })
}

const [nodeHttp] = rigs

test("without the option, nothing is compressed", async () => {
  assert.ok(nodeHttp)
  await using hub = createHub()
  await withServer(
    nodeHttp,
    ({ sse }) => sse(hub.subscribe({ topics: ["news"] })),
    async (ask) => {
      const { headers } = await ask(accepting)
      assert.equal(headers["content-encoding"], undefined)
      assert.equal(headers["vary"], undefined)
    },
  )
})

test("HEAD has the headers of GET", async () => {
  assert.ok(nodeHttp)
  await using hub = createHub()
  await withServer(
    nodeHttp,
    ({ sse }) =>
      sse(hub.subscribe({ topics: ["news"] }), { compress: "shared", cors: { origins: ["https://a.example"] } }),
    async (ask) => {
      const { headers } = await ask({ method: "HEAD", ...accepting, reads: false })
      assert.equal(headers["content-encoding"], "gzip")
      assert.equal(headers["vary"], "Origin, Accept-Encoding")
      assert.equal(headers["cache-control"], "no-store, no-transform")
    },
  )
})

test("another value of the option is refused", async () => {
  const { sse } = await import("onward/web")
  await using hub = createHub()
  assert.throws(
    () => sse(new Request("http://localhost/"), hub.subscribe({ topics: ["news"] }), { compress: true as never }),
    /`compress` must be "shared", not true/,
  )
})
