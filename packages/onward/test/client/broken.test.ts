import assert from "node:assert/strict"
import { test } from "node:test"
import { gzipSync } from "node:zlib"
import { EventSource, stream } from "../../src/client/node.ts"
import { eventually } from "../adapters/exchange.ts"
import { reservePort } from "../reserve-port.ts"
import { serveFaults } from "./fault-server.ts"
import { TRANSPORTS } from "./transports.ts"
import { createStage, take, watch } from "./watch.ts"

for (const [transport, fetch] of Object.entries(TRANSPORTS)) {
  test(`an invalid head is only a failed attempt, over ${transport}`, async (t) => {
    const heads = [
      "",
      "HTTP/1.1 200 O",
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "SSH-2.0-OpenSSH_9.9\r\n",
      "data: no\n\n",
      `HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`,
    ]
    const stage = await createStage(t, async (exchange) => {
      const head = heads[exchange.index]
      if (head === undefined) {
        await exchange.open()
        await exchange.write("data: hi\n\n")
      } else {
        await exchange.raw(head)
        exchange.cut()
      }
    })
    const { server, clock } = stage
    const source = new EventSource(server.url, { clock, fetch })
    const said = watch(source)
    await clock.pass(600_000)
    source.close()
    assert.deepEqual(
      said.errors,
      heads.map(() => "network_error"),
    )
    assert.deepEqual([said.data, said.opens], [["hi"], 1])
  })

  test(`a server that cannot be reached is retried with growing pauses, over ${transport}`, async (t) => {
    const { clock } = await createStage(t, () => {})
    // not one that was free a moment ago: others listen on those
    const url = `http://127.0.0.1:${await reservePort()}/`
    const source = new EventSource(url, { clock, fetch, reconnectionTime: 1_000 })
    const said = watch(source)
    await clock.pass(3_600_000)
    assert.equal(source.readyState, EventSource.CONNECTING)
    source.close()
    assert.deepEqual(new Set(said.errors), new Set(["network_error"]))
    assert.ok(said.errors.length > 50 && said.errors.length < 600, `${said.errors.length} attempts in an hour`)
    const given = take(stream(url, { clock, fetch, retry: { attempts: 3 } }))
    await clock.pass(3_600_000)
    assert.equal(given.ending, "network_error")
  })

  test(`each flush of a compressed stream delivers its events at once, and a cut inside is not an end, over ${transport}`, async (t) => {
    const data: string[] = []
    const server = await serveFaults(t, async (exchange) => {
      const { index } = exchange
      await exchange.head(200, { "content-type": "text/event-stream" }, { gzip: true })
      for (const part of ["a", "b"]) {
        await exchange.write(`retry: 0\nid: ${index}${part}\ndata: ${index}${part}\n\n: cut off`)
        await eventually(`event ${index}${part}`, () => data.at(-1) === `${index}${part}`)
      }
      if (index === 0) exchange.reset()
      else if (index === 1) exchange.cut()
      else await exchange.end()
    })
    for await (const event of stream(server.url, { fetch, reconnectOnEnd: false, retry: { base: 0 } }))
      data.push(event.data)
    assert.deepEqual(data, ["0a", "0b", "1a", "1b", "2a", "2b"])
    const ids = server.requests.map(({ headers }) => headers["last-event-id"])
    assert.deepEqual(ids, [undefined, "0b", "1b"])
  })

  test(`a damaged compressed stream is a failed attempt, over ${transport}`, async (t) => {
    const server = await serveFaults(t, async (exchange) => {
      const zipped = gzipSync("data: hi\n\n")
      zipped.fill(0xff, 10) // where the blocks begin: of a type that there is not
      await exchange.open({ "content-encoding": "gzip" })
      await exchange.write(zipped)
    })
    await assert.rejects(stream(server.url, { fetch, retry: false }).next(), { code: "network_error" })
  })

  test(`a character can be split anywhere, and invalid UTF-8 is replaced, over ${transport}`, async (t) => {
    const bytes = Buffer.concat([Buffer.from("\ufeffdata: é火🦊"), Buffer.of(0xff, 0xe2, 0x82), Buffer.from("\n\n")])
    const stage = await createStage(t, async (exchange) => {
      await exchange.open()
      for (const byte of bytes) {
        await exchange.write(Uint8Array.of(byte))
        await exchange.wait(1)
      }
    })
    const events = stream(stage.server.url, { clock: stage.clock, fetch })
    const { data } = take(events)
    await stage.clock.pass(1_000)
    events.close()
    assert.deepEqual(data, ["é火🦊\ufffd\ufffd"])
  })
}
