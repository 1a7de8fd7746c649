import assert from "node:assert/strict"
import { execFile } from "node:child_process"
import { once } from "node:events"
import { suite, test } from "node:test"
import { promisify } from "node:util"
import { createGzip } from "node:zlib"
import { stream } from "../../src/client/node.ts"
import { settled } from "../adapters/exchange.ts"
import type { FaultExchange } from "./fault-exchange.ts"
import { serveFaults } from "./fault-server.ts"
import { TRANSPORTS } from "./transports.ts"

const MIB = 1024 * 1024
const GIB = 1024 * MIB
const run = promisify(execFile)
const program = new URL("programs/read.ts", import.meta.url).pathname

/** What a client in a process of its own made of a URL. */
async function read(
  client: string,
  transport: string,
  url: string,
): Promise<{ length: number; code?: string; memory: number }> {
  const { stdout } = await run(process.execPath, ["--conditions=onward-source", program, client, transport, url], {
    env: { ...process.env, NODE_TEST_CONTEXT: "" },
  })
  return JSON.parse(stdout) as { length: number; code?: string; memory: number }
}

/** Writes `part` until there are `length` bytes or the client has left; returns how many it took. */
async function pour(exchange: FaultExchange, part: Buffer, length: number): Promise<number> {
  let poured = 0
  for (; poured < length && !exchange.isOver; poured += part.length) await exchange.write(part)
  return poured
}

const x = Buffer.alloc(65_536, "x")

/** Events that are too large: how one begins and what it goes on with. */
const ENDLESS: Record<string, (exchange: FaultExchange) => Promise<void>> = {
  async "a line that does not end"(exchange) {
    await exchange.open()
    await exchange.write("data: ")
    await pour(exchange, x, GIB)
  },
  async "a line without a name"(exchange) {
    await exchange.open()
    await pour(exchange, x, GIB)
  },
  async "data lines without end"(exchange) {
    await exchange.open()
    await pour(exchange, Buffer.from("data: x\n".repeat(8_192)), GIB)
  },
  async "an event of a gibibyte, announced by its length"(exchange) {
    await exchange.open({ "content-length": String(GIB) })
    await exchange.write("data: ")
    await pour(exchange, x, GIB - 8)
    await exchange.write("\n\n")
  },
  async "a line of a gibibyte in a megabyte of gzip"(exchange) {
    const gzip = createGzip({ level: 9 })
    await exchange.open({ "content-encoding": "gzip" })
    gzip.on("data", (chunk: Buffer) => void exchange.write(chunk))
    gzip.write("data: ")
    for (let i = 0; i < GIB / x.length && !exchange.isOver; i++) if (!gzip.write(x)) await once(gzip, "drain")
  },
}

for (const [at, transport] of Object.keys(TRANSPORTS).entries()) {
  suite(`over ${transport}`, () => {
    // both clients read by the same code, and each transport is read by one of them
    const client = at === 0 ? "EventSource" : "stream"
    for (const [name, answer] of Object.entries(ENDLESS)) {
      test(`${name} is refused by name, in bounded memory, and the connection closed, in ${client}`, async (t) => {
        const server = await serveFaults(t, answer)
        const { length, code, memory } = await read(client, transport, server.url)
        assert.deepEqual([length, code], [0, "event_too_large"])
        // Node alone has some 60 MiB; the limit is 16 MiB, and strings being joined are there twice
        assert.ok(memory < 256 * MIB, `${memory} bytes`)
        await server.requests[0]?.closed
        assert.equal(server.requests.length, 1)
      })
    }

    test(`events, comments and unknown fields of 256 MiB leave no memory behind in ${client}`, async (t) => {
      const line = (start: string, length: number): string => `${start}${"y".repeat(length - start.length - 2)}\n\n`
      const part = Buffer.from(line("data: ", 1_000).repeat(20) + line(": ", 22_768) + line("unknown: ", 22_768))
      const server = await serveFaults(t, async (exchange) => {
        await exchange.open()
        await pour(exchange, part, 256 * MIB)
        await exchange.end()
      })
      const { length, code, memory } = await read(client, transport, server.url)
      assert.equal(length, Math.ceil((256 * MIB) / part.length) * 20 * 992)
      assert.equal(code, client === "stream" ? undefined : "stream_ended")
      assert.ok(memory < 256 * MIB, `${memory} bytes`)
    })

    test("events that the program does not read stay at the server", async (t) => {
      let poured = 0
      const server = await serveFaults(t, async (exchange) => {
        await exchange.open()
        const part = Buffer.from("data: x\n\n".repeat(10_000))
        for (; !exchange.isOver; poured += part.length) await exchange.write(part)
      })
      const fetch = TRANSPORTS[transport]
      const events = stream(server.url, fetch ? { fetch } : {})
      t.after(() => events.close())
      await events.next()
      // what the sockets of both sides hold is some megabytes
      assert.ok((await settled(() => poured)) < 32 * MIB)
      for (let i = 0; i < 100_000; i++) assert.equal((await events.next()).value?.data, "x")
    })
  })
}
