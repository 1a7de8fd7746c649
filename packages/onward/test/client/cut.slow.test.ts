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
    test(`wherever ${how} cuts a stream, each event comes once, over ${transport}`, async (t) => {
      const length = Buffer.byteLength(BLOCKS.join(""))
      for (let at = 0; at <= length; at++) {
        const stage = await createStage(t, async (exchange) => {
          if (exchange.request.path === "/204") return exchange.head(204)
          const rest = restOf(exchange)
          if (exchange.index < 2) return cut(exchange, rest.subarray(0, at))
          await exchange.open()
          await exchange.write(rest)
        })
        const { server, clock } = stage
        const isStream = at % 2 === 0
        const events = isStream ? stream(server.url, { clock, fetch }) : undefined
        const source = isStream ? undefined : new EventSource(server.url, { clock, fetch, reconnectionTime: 10 })
        const { data } = events ? take(events) : watch(source as EventSource)
        await clock.pass(10_000)
        events?.close()
        source?.close()
        assert.deepEqual(data, DATA, `cut at ${at}`)
        assert.equal(server.requests.length, 3, `cut at ${at}`)
      }
    })
  }
}
