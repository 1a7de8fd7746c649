import assert from "node:assert/strict"
import { test } from "node:test"
import type { Source } from "onward/node"
import { eventually, settled, type Exchange } from "./exchange.ts"
import { rigs, withServer, type Asked } from "./rigs.ts"

/** What became of a source. */
interface Fate {
  signals: number
  returns: number
  pulled: number
  readonly errors: unknown[]
}

type Make = (fate: Fate) => Source

/** Yields what `next` gives, and counts how often it is returned. */
const iterable = (fate: Fate, next: () => Promise<string>): AsyncIterable<string> => ({
  [Symbol.asyncIterator]: () => ({
    next: async () => ({ value: await next() }),
    async return() {
      fate.returns++
      return { done: true, value: undefined }
    },
  }),
})

const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => (signal.aborted ? resolve() : signal.addEventListener("abort", () => resolve())))

/** What a source is doing when its client leaves. */
const moments: Readonly<Record<string, { make: Make; begun: string | undefined; reads: boolean }>> = {
  "waiting for its signal": {
    begun: "data: begun",
    reads: true,
    make: (fate) =>
      async function* ({ signal }) {
        signal.addEventListener("abort", () => fate.signals++)
        try {
          yield "begun"
          await untilAborted(signal)
        } finally {
          fate.returns++
        }
      },
  },
  "not yet at its first event": {
    begun: "\n",
    reads: true,
    make: (fate) =>
      async function* ({ signal }) {
        signal.addEventListener("abort", () => fate.signals++)
        try {
          await untilAborted(signal)
          yield "too late"
        } finally {
          fate.returns++
        }
      },
  },
  "waiting for something else": {
    begun: "data: begun",
    reads: true,
    make: (fate) =>
      async function* ({ signal }) {
        signal.addEventListener("abort", () => fate.signals++)
        try {
          for (;;) {
            yield "begun"
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        } finally {
          fate.returns++
        }
      },
  },
  "held up by a client that does not read": {
    begun: undefined,
    reads: false,
    make: (fate) =>
      async function* ({ signal }) {
        signal.addEventListener("abort", () => fate.signals++)
        try {
          for (;;) {
            fate.pulled++
            yield "x".repeat(1_048_576)
          }
        } finally {
          fate.returns++
        }
      },
  },
}

async function leave(
  rig: (typeof rigs)[number],
  make: Make,
  use: (exchange: Exchange, fate: Fate) => Promise<void>,
  asked: Asked,
): Promise<Fate> {
  const fate: Fate = { signals: 0, returns: 0, pulled: 0, errors: [] }
  await withServer(
    rig,
    async ({ sse, body }) => {
      if (asked.method === "POST") assert.equal(await body(), asked.body)
      sse(make(fate), { onError: (error) => fate.errors.push(error) })
    },
    async (ask) => use(await ask(asked), fate),
  )
  return fate
}

for (const rig of rigs) {
  for (const way of rig.client.ways) {
    for (const [moment, { make, begun, reads }] of Object.entries(moments)) {
      // what was not read yet keeps a half-closed connection open: the client may still want it
      if (way === "a half-close" && !reads) continue
      test(`${rig.name}: a source that is ${moment} ends, once, when its client disconnects by ${way}`, async () => {
        const use = async (exchange: Exchange, fate: Fate) => {
          if (begun) await exchange.has(begun)
          else await settled(() => fate.pulled)
          exchange.leaveBy[way]?.()
          await eventually("the source is told", () => fate.returns > 0 && fate.signals > 0)
        }
        const fate = await leave(rig, make, use, { reads })
        assert.deepEqual([fate.signals, fate.returns, fate.errors], [1, 1, []])
      })
    }
  }

  test(`${rig.name}: a client can disconnect after its POST body was read`, async () => {
    const { make } = moments["waiting for its signal"] as (typeof moments)[string]
    for (const way of rig.client.ways) {
      const use = async (exchange: Exchange, fate: Fate) => {
        await exchange.has("data: begun")
        exchange.leaveBy[way]?.()
        await eventually(`the source is told after ${way}`, () => fate.returns > 0 && fate.signals > 0)
      }
      const fate = await leave(rig, make, use, { method: "POST", body: '{"prompt":"hello"}' })
      assert.deepEqual([fate.signals, fate.returns, fate.errors], [1, 1, []], way)
    }
  })

  test(`${rig.name}: a custom iterable is returned once when its client disconnects`, async () => {
    const make: Make = (fate) => iterable(fate, async () => (fate.pulled++ === 0 ? "begun" : new Promise(() => {})))
    const use = async (exchange: Exchange, fate: Fate) => {
      await exchange.has("data: begun")
      exchange.leaveBy[rig.client.ways[0] as string]?.()
      await eventually("it was returned", () => fate.returns > 0)
    }
    const fate = await leave(rig, make, use, {})
    assert.deepEqual([fate.pulled, fate.returns, fate.errors], [2, 1, []])
  })

  test(`${rig.name}: a ReadableStream is cancelled once when its client disconnects`, async () => {
    const make: Make = (fate) =>
      new ReadableStream<string>({
        start: (controller) => controller.enqueue("begun"),
        cancel: () => void fate.returns++,
      })
    const use = async (exchange: Exchange, fate: Fate) => {
      await exchange.has("data: begun")
      exchange.leaveBy[rig.client.ways[0] as string]?.()
      await eventually("it was cancelled", () => fate.returns > 0)
    }
    const fate = await leave(rig, make, use, {})
    assert.deepEqual([fate.returns, fate.errors], [1, []])
  })

  test(`${rig.name}: sources that a request does not use are disposed of, once`, async () => {
    const refusals: Asked[] = [
      { method: "HEAD" },
      { method: "OPTIONS" },
      { method: "DELETE" },
      { headers: { accept: "text/html" } },
      { headers: { "last-event-id": "stream.end" } },
      { path: "/?last=many" },
    ]
    for (const asked of refusals) {
      const own: Make = (fate) => iterable(fate, async () => `pulled ${fate.pulled++}`)
      const stream: Make = (fate) => new ReadableStream<string>({ cancel: () => void fate.returns++ })
      const begun: Make = (fate) =>
        async function* () {
          fate.pulled++
          yield ""
        }
      const over = async (exchange: Exchange) => void (await exchange.over())
      for (const make of [own, stream]) {
        const { pulled, returns } = await leave(rig, make, over, asked)
        assert.deepEqual([pulled, returns], [0, 1], JSON.stringify(asked))
      }
      assert.equal((await leave(rig, begun, over, asked)).pulled, 0, "a function is not even called")
    }
  })
}
