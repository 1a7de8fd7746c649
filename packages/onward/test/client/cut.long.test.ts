import assert from "node:assert/strict"
import { test } from "node:test"
import { EventSource, stream } from "../../src/client/node.ts"
import type { FaultExchange } from "./fault-exchange.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

/** Ids and data of all kinds, one block an event; a comment and a checkpoint between. */
const BLOCKS = [
  "retry: 10\nid: 1\ndata: a\n\n",
  ": comment\n\nid: 2\nevent: message\ndata: é火🦊\ndata: b\n\n",
  "id: 2.5\n\n",
  "id: …3\r\ndata: c\r\n\r\n",
  "data: d\rid: 4\r\r",
]
const IDS = ["1", "2", "2.5", "…3", "4"]
const DATA = ["a", "é火🦊\nb", "c", "d"]

/** The stream after what the client says it has. */
function restOf(exchange: FaultExchange): Buffer {
  const last = Buffer.from(exchange.request.headers["last-event-id"] ?? "", "latin1").toString()
  return Buffer.from(BLOCKS.slice(IDS.indexOf(last) + 1).join(""))
}

/** Ways for a connection to end after so many bytes of a body. */
const CUTS: Record<string, (exchange: FaultExchange, bytes: Buffer) => Promise<void>> = {
  async "a reset"(exchange, bytes) {
    await exchange.open()
    await exchange.write(bytes)
    await exchange.wait(1) // or the bytes would be lost with it
    exchange.reset()
  },
  async "a regular end"(exchange, bytes) {
    await exchange.open()
    await exchange.write(bytes)
    await exchange.end()
  },
  async "a close without the last chunk"(exchange, bytes) {
    await exchange.open()
    await exchange.write(bytes)
    exchange.cut()
  },
  async "a close inside a chunk"(exchange, bytes) {
    await exchange.open()
    await exchange.raw("ffff\r\n")
    await exchange.raw(bytes)
    exchange.cut()
  },
  async "a close before the announced length"(exchange, bytes) {
    await exchange.open({ "content-length": "65535" })
    await exchange.write(bytes)
    exchange.cut()
  },
  async "the end of a connection that has no length"(exchange, bytes) {
    await exchange.open({ connection: "close" })
    await exchange.write(bytes)
    await exchange.end()
  },
  async "chunks that are none"(exchange, bytes) {
    await exchange.open()
    await exchange.write(bytes)
    await exchange.wait(1)
    await exchange.raw("nonsense\r\n")
  },
}

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  for (const [how, cut] of Object.entries(CUTS)) {
    test(`cut by ${how} at any byte, a stream delivers each event once, over ${transport}`, async (t) => {
      const counts = new Map<string, number>()
      const { server, clock } = await createStage(t, async (exchange) => {
        const { path } = exchange.request
        const count = counts.get(path) ?? 0
        counts.set(path, count + 1)
        const rest = restOf(exchange)
        if (count < 2) return cut(exchange, rest.subarray(0, Number(path.slice(2))))
        await exchange.open()
        await exchange.write(rest)
      })
      clock.random = () => 0 // all at the same moments, which is quicker
      const length = Buffer.byteLength(BLOCKS.join(""))
      const all = Array.from({ length: length + 1 }, (_, at) => {
        const source = new EventSource(`${server.url}e${at}`, { clock, fetch, reconnectionTime: 10 })
        const events = stream(`${server.url}s${at}`, { clock, fetch })
        return { at, source, events, heard: [watch(source).data, take(events).data] }
      })
      await clock.pass(10_000)
      for (const { at, source, events, heard } of all) {
        source.close()
        events.close()
        assert.deepEqual(heard, [DATA, DATA], `cut at ${at}`)
        assert.deepEqual([counts.get(`/e${at}`), counts.get(`/s${at}`)], [3, 3], `cut at ${at}`)
      }
    })
  }
}
