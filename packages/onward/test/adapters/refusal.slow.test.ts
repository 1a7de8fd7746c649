import assert from "node:assert/strict"
import { test } from "node:test"
import { createHub, type Hub, type SubscribeOptions } from "onward"
import { sse } from "onward/web"
import { rigs, withServer, type Running } from "./rigs.ts"

/** A server that streams the topic "a" of a hub. */
async function serving(
  rig: (typeof rigs)[number],
  use: (ask: Running["ask"], hub: Hub) => Promise<void>,
): Promise<void> {
  const hub = createHub()
  try {
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe({ topics: ["a"] })),
      (ask) => use(ask, hub),
    )
  } finally {
    await hub.close()
  }
}

for (const rig of rigs) {
  test(`${rig.name}: an invalid start point, or a cursor that is too long, is refused before the stream`, async () => {
    await serving(rig, async (ask) => {
      const refused = [
        { path: "/?last=-1" },
        { path: "/?last=10001" },
        { path: "/?since=yesterday" },
        { headers: { "last-event-id": "x".repeat(1_025) } },
        { path: `/?last_event_id=${"x".repeat(8_000)}` },
        { path: `/?last_event_id=${encodeURIComponent("é".repeat(513))}` },
      ]
      for (const asked of refused) {
        const exchange = await ask(asked)
        assert.equal(exchange.status, 400, JSON.stringify(asked))
        assert.equal(exchange.headers["content-type"], "text/plain; charset=utf-8")
        assert.equal(exchange.headers["cache-control"], "no-store")
        assert.equal(await exchange.over(), "ended")
        assert.match(exchange.text, /last|since|id/)
      }
    })
  })

  test(`${rig.name}: invalid topics, patterns and keys get a 400 response`, async (t) => {
    const hub = createHub({ limits: { topics: 2 } })
    t.after(() => hub.close())
    const invalid: SubscribeOptions[] = [
      { topics: ["user/*"] },
      { topics: ["user/\0"] },
      { topics: ["x".repeat(1_100)] },
      { topics: [null as unknown as string] },
      { topics: [] },
      { topics: ["a", "b", "c"] },
      { patterns: ["a/**"] },
      { topics: ["a"], limitKey: "" },
      { topics: ["a"], from: { last: Number.NaN } },
    ]
    let options: SubscribeOptions = {}
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe(options)),
      async (ask) => {
        for (options of invalid) {
          for (const method of ["GET", "POST", "HEAD"]) {
            const exchange = await ask({ method, ...(method === "POST" && { body: "{}" }) })
            assert.equal(exchange.status, 400, `${method} ${JSON.stringify(options)}`)
            assert.equal(await exchange.over(), "ended")
            if (method !== "HEAD") assert.match(exchange.text, /\w/)
          }
        }
        assert.equal(hub.stats().connections, 0)
      },
    )
  })

  test(`${rig.name}: HEAD has the head and no body, other methods are refused, and an end is final`, async () => {
    await serving(rig, async (ask, hub) => {
      const head = await ask({ method: "HEAD" })
      assert.equal(head.status, 200)
      assert.equal(head.headers["content-type"], "text/event-stream; charset=utf-8")
      assert.equal(await head.over(), "ended")
      assert.equal(head.text, "")
      for (const method of ["PUT", "DELETE", "PATCH"]) {
        const exchange = await ask({ method })
        assert.equal(exchange.status, 405)
        assert.equal(exchange.headers.allow, "GET, HEAD, QUERY, POST, OPTIONS")
        assert.equal(await exchange.over(), "ended")
      }
      const wrong = await ask({ headers: { accept: "application/json" } })
      assert.equal(wrong.status, 406)
      const ended = await ask({ headers: { "last-event-id": "stream.end" } })
      assert.equal(ended.status, 204)
      assert.equal(await ended.over(), "ended")
      const options = await ask({ method: "OPTIONS" })
      assert.equal(options.status, 204)
      assert.equal(options.headers.allow, "GET, HEAD, QUERY, POST, OPTIONS")
      assert.equal(hub.stats().connections, 0)
    })
  })

  test(`${rig.name}: a full hub responds with 503, a full limit key with 429, each with a time to retry`, async (t) => {
    const hub = createHub({ limits: { connections: 3, connectionsPerKey: 1 } })
    t.after(() => hub.close())
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe({ topics: ["a"], limitKey: "ann" })),
      async (ask) => {
        const first = await ask()
        await first.has("id:")
        const busy = await ask()
        assert.equal(busy.status, 429)
        assert.match(busy.headers["retry-after"] ?? "", /^[1-5]$/)
        assert.equal(await busy.over(), "ended")
        assert.equal((await ask({ method: "HEAD" })).status, 429)
        void hub.drain({ duration: 0 })
        assert.equal(await first.over(), "ended")
        assert.match(first.text, /\nevent: stream\.checkpoint\nretry: \d+\nid: \S+\ndata: \{\}\n\n$/)
        const closed = await ask()
        assert.equal(closed.status, 503)
        assert.match(closed.headers["retry-after"] ?? "", /^[1-5]$/)
      },
    )
  })

  test(`${rig.name}: a hub with too many patterns in use responds with 503`, async (t) => {
    const hub = createHub({ limits: { patterns: 1 } })
    t.after(() => hub.close())
    let patterns = ["*a"]
    await withServer(
      rig,
      ({ sse }) => sse(hub.subscribe({ patterns })),
      async (ask) => {
        const first = await ask()
        await first.has("id:")
        patterns = ["*b"]
        const second = await ask()
        assert.equal(second.status, 503)
        assert.match(second.headers["retry-after"] ?? "", /^\d$/)
      },
    )
  })
}

test("the time to retry differs from client to client", async (t) => {
  const hub = createHub({ limits: { connections: 0 } })
  t.after(() => hub.close())
  const rig = rigs.find(({ name }) => name === "web") as (typeof rigs)[number]
  const times = new Set<string | undefined>()
  await withServer(
    rig,
    ({ sse }) => sse(hub.subscribe({ topics: ["a"] })),
    async (ask) => {
      for (let i = 0; i < 60; i++) times.add((await ask()).headers["retry-after"])
    },
  )
  assert.ok(times.size >= 3, [...times].join())
})

test("web: requests of one turn cannot exceed a limit together", async (t) => {
  const hub = createHub({ limits: { connections: 3 } })
  t.after(() => hub.close())
  const responses = await Promise.all(
    Array.from({ length: 10 }, () => sse(new Request("http://localhost/"), hub.subscribe({ topics: ["a"] }))),
  )
  assert.equal(responses.filter(({ status }) => status === 200).length, 3)
  assert.equal(responses.filter(({ status }) => status === 503).length, 7)
})

test("web: a refused HEAD has no body", async () => {
  const response = await sse(
    new Request("http://localhost/", { method: "HEAD", headers: { accept: "text/html" } }),
    () => null,
  )
  assert.equal(response.status, 406)
  assert.equal(await response.text(), "")
})
