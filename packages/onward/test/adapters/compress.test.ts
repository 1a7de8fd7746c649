import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub } from "onward"
import { CODINGS } from "../node/compressed.ts"
import { rigs, withServer } from "./rigs.ts"

const accepting = { headers: { "accept-encoding": "gzip, deflate, br" } }
/** As browsers send it. */
const acceptingZstd = { headers: { "accept-encoding": "gzip, deflate, br, zstd" } }
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

const hasZstd = CODINGS.includes("zstd") ? false : "this Node has no dictionaries for zstd"

test("`prefer` decides between gzip and zstd for clients that accept both", { skip: hasZstd }, async () => {
  assert.ok(nodeHttp)
  for (const [compress, headers, coding] of [
    ["shared", acceptingZstd, "gzip"],
    [{ prefer: "gzip" }, acceptingZstd, "gzip"],
    [{ prefer: "zstd" }, acceptingZstd, "zstd"],
    [{ prefer: "zstd" }, accepting, "gzip"],
    ["shared", { headers: { "accept-encoding": "gzip;q=0.8, zstd" } }, "zstd"],
    [{ prefer: "zstd" }, plain, undefined],
  ] as const) {
    await using hub = createHub()
    await withServer(
      nodeHttp,
      ({ sse }) => sse(hub.subscribe({ topics: ["news"], from: "earliest" }), { compress }),
      async (ask) => {
        const exchange = await ask(headers)
        await hub.publish({ topic: "news", data: event(1) })
        await exchange.has(event(1))
        await hub.drain({ duration: 0 })
        assert.equal(await exchange.over(), "ended")
        assert.equal(exchange.headers["content-encoding"], coding)
        assert.deepEqual(exchange.data, [event(1)])
      },
    )
  }
})

for (const prefer of CODINGS) {
  test(`a custom source is compressed by ${prefer} with a history of its own, and each event arrives at once`, async () => {
    assert.ok(nodeHttp)
    let next = (_: string): void => {}
    const source = new ReadableStream<string>({
      start(controller) {
        next = (text) => (text === "" ? controller.close() : controller.enqueue(text))
      },
    })
    await withServer(
      nodeHttp,
      ({ sse }) => sse(source, { compress: { prefer } }),
      async (ask) => {
        const exchange = await ask(acceptingZstd)
        for (let n = 0; n < 12; n++) {
          next(event(n))
          await exchange.has(event(n))
        }
        next("")
        assert.equal(await exchange.over(), "ended")
        assert.equal(exchange.headers["content-encoding"], prefer)
        assert.deepEqual(
          exchange.data.slice(0, 12),
          Array.from({ length: 12 }, (_, n) => event(n)),
        )
      },
    )
  })
}

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
    /`compress` must be "shared" or .*, not true/,
  )
})
