import assert from "node:assert/strict"
import http from "node:http"
import { setImmediate as turn } from "node:timers/promises"
import { test } from "node:test"
import { sse as nodeSse, type Source, type SseOptions } from "onward/node"
import { eventually, type Exchange } from "./exchange.ts"
import { rigs, withServer, type Asked } from "./rigs.ts"

const SECRET = "the password is hunter2"

/** Asks once for a stream of `source`, with the errors its server was told of. */
async function streamed(
  rig: (typeof rigs)[number],
  make: () => Source,
  use: (exchange: Exchange, errors: unknown[]) => Promise<void>,
  { asked, ...options }: SseOptions & { asked?: Asked } = {},
): Promise<void> {
  const errors: unknown[] = []
  await withServer(
    rig,
    ({ sse }) => sse(make(), { onError: (error) => errors.push(error), ...options }),
    async (ask) => use(await ask(asked), errors),
  )
}

async function* three(): AsyncGenerator<string> {
  for (const text of ["one", "two", "three"]) {
    yield text
    await turn()
  }
}

function readable(): ReadableStream<string> {
  const iterator = three()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await iterator.next()
      if (done) controller.close()
      else controller.enqueue(value)
    },
  })
}

const sources: Readonly<Record<string, () => Source>> = {
  "a generator function": () => three,
  "an async iterable": three,
  "an async iterable without return": () => {
    const iterator = three()
    const iterable: AsyncIterable<string> = { [Symbol.asyncIterator]: () => ({ next: () => iterator.next() }) }
    return iterable
  },
  "a ReadableStream": () => readable(),
  "a function that gives a ReadableStream": () => () => readable(),
  "an async function that gives an async iterable": () => async () => {
    await turn()
    return three()
  },
}

for (const rig of rigs) {
  for (const [name, make] of Object.entries(sources)) {
    test(`${rig.name}: ${name} is streamed, and ends the stream when it ends`, async () => {
      await streamed(rig, make, async (exchange, errors) => {
        assert.equal(exchange.status, 200)
        assert.equal(await exchange.over(), "ended")
        assert.deepEqual(exchange.blocks, [
          { comment: "heartbeat 15000" },
          { data: "one" },
          { data: "two" },
          { data: "three" },
          { event: "stream.end", retry: "86400000 ms", id: "stream.end", data: "{}" },
        ])
        assert.deepEqual(errors, [])
      })
    })
  }

  test(`${rig.name}: a source yields complete messages, and knows the client's position`, async () => {
    const asked = { headers: { "last-event-id": Buffer.from("größe").toString("latin1") } }
    const source: Source = async function* ({ lastEventId, signal }) {
      yield { event: "hello", id: "7", retry: 1_000, data: { lastEventId, aborted: signal.aborted } }
      yield { data: "größe\r\n東京\r🦊" }
      yield { comment: "for people" }
      yield { id: "8" }
      yield { retry: 2_000 }
    }
    const use = async (exchange: Exchange) => {
      await exchange.over()
      assert.deepEqual(exchange.blocks, [
        { comment: "heartbeat 15000" },
        { event: "hello", retry: "99\n1000", id: "7", data: '{"lastEventId":"größe","aborted":false}' },
        { data: "größe\n東京\n🦊" },
        { comment: "for people" },
        { event: "stream.checkpoint", id: "8", data: "{}" },
        { event: "stream.checkpoint", retry: "2000", data: "{}" },
      ])
    }
    await streamed(rig, () => source, use, { asked, end: false, retry: 99 })
  })

  test(`${rig.name}: a function that returns nothing gets a 204 response`, async () => {
    for (const nothing of [null, undefined]) {
      for (const source of [() => nothing, async () => nothing] as Source[]) {
        await streamed(
          rig,
          () => source,
          async (exchange) => {
            assert.equal(exchange.status, 204)
            assert.equal(exchange.headers["cache-control"], "no-store")
            assert.equal(await exchange.over(), "ended")
          },
        )
      }
    }
  })

  test(`${rig.name}: an error before the stream is a 500 response without the reason`, async () => {
    const failing: Source[] = [
      () => {
        throw new Error(SECRET)
      },
      async () => {
        throw new Error(SECRET)
      },
      // oxlint-disable-next-line eslint/require-yield -- it throws before
      async function* () {
        throw new Error(SECRET)
      },
      () => new ReadableStream({ start: (controller) => controller.error(new Error(SECRET)) }),
    ]
    for (const source of failing) {
      await streamed(
        rig,
        () => source,
        async (exchange, errors) => {
          assert.equal(exchange.status, 500)
          assert.equal(exchange.headers["content-type"], "text/plain; charset=utf-8")
          assert.equal(await exchange.over(), "ended")
          assert.ok(!exchange.text.includes("hunter2"))
          assert.deepEqual(errors.map(String), [`Error: ${SECRET}`])
        },
      )
    }
  })

  test(`${rig.name}: an error in the stream is stream.error without the reason`, async () => {
    let signals = 0
    const source: Source = async function* ({ signal }) {
      signal.addEventListener("abort", () => signals++)
      yield "one"
      await turn()
      throw new Error(SECRET)
    }
    await streamed(
      rig,
      () => source,
      async (exchange, errors) => {
        assert.equal(exchange.status, 200)
        assert.equal(await exchange.over(), "ended")
        assert.deepEqual(exchange.blocks.slice(1), [
          { data: "one" },
          { event: "stream.error", data: '{"code":"source_failed"}' },
        ])
        assert.deepEqual(errors.map(String), [`Error: ${SECRET}`])
        assert.equal(signals, 1)
      },
    )
  })

  test(`${rig.name}: a custom source can be ended from outside, and its client reconnects`, async () => {
    const closing = new AbortController()
    let [signals, returns] = [0, 0]
    const source: Source = async function* ({ signal }) {
      signal.addEventListener("abort", () => signals++)
      try {
        yield "one"
        await new Promise((resolve) => signal.addEventListener("abort", resolve))
        yield "too late"
      } finally {
        returns++
      }
    }
    const use = async (exchange: Exchange, errors: unknown[]) => {
      await exchange.has("data: one")
      closing.abort()
      assert.equal(await exchange.over(), "ended")
      assert.deepEqual(exchange.blocks, [{ comment: "heartbeat 15000" }, { data: "one" }])
      await eventually("the source was returned", () => returns > 0)
      assert.deepEqual([signals, returns, errors], [1, 1, []])
    }
    await streamed(rig, () => source, use, { signal: closing.signal })
    const late: Source = async function* () {
      yield "not read"
    }
    const useLate = async (exchange: Exchange) => {
      assert.equal(await exchange.over(), "ended")
      assert.deepEqual(exchange.blocks, [{ comment: "heartbeat 15000" }])
    }
    await streamed(rig, () => late, useLate, { signal: closing.signal })
  })

  test(`${rig.name}: a source that yields an invalid value is stream.error, and is returned`, async () => {
    for (const nonsense of [7, null, undefined, {}, new Uint8Array(4), { id: "a\nb" }, { event: "a" }, { data: 1n }]) {
      const errors: unknown[] = []
      let returns = 0
      let signals = 0
      const source: Source = async function* ({ signal }) {
        signal.addEventListener("abort", () => signals++)
        try {
          yield "one"
          yield nonsense as never
          yield "never"
        } finally {
          returns++
        }
      }
      await withServer(
        rig,
        ({ sse }) => sse(source, { onError: (error) => errors.push(error) }),
        async (ask) => {
          const exchange = await ask()
          assert.equal(await exchange.over(), "ended")
          assert.deepEqual(exchange.blocks.slice(1), [
            { data: "one" },
            { event: "stream.error", data: '{"code":"source_failed"}' },
          ])
          assert.equal(errors.length, 1)
          assert.equal(signals, 1)
          assert.equal(returns, 1, `the generator was told after a ${typeof nonsense}`)
        },
      )
    }
  })
}

test("node: a head that cannot be sent is an error for onError, and the source is returned", async () => {
  const errors: unknown[] = []
  let signals = 0
  const source: Source = async function* ({ signal }) {
    signal.addEventListener("abort", () => signals++)
    yield "one"
    yield "two"
  }
  const server = http.createServer((req, res) => {
    nodeSse(req, res, source, { onError: (error) => errors.push(error) })
    // before the source has begun
    res.writeHead(200).flushHeaders()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    const request = http.get({ port: (server.address() as { port: number }).port, agent: false })
    let isOver = false
    request
      .on("error", () => (isOver = true))
      .on("response", (response) => {
        isOver = true
        response.resume()
      })
    await eventually("the client is not left waiting", () => isOver)
    assert.equal(errors.length, 1)
    await eventually("the source is told", () => signals === 1)
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
