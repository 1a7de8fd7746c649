// `npm run bench -- compress`, or this file with `[--connections 1000] [--events 100] [--rate 10] [--size 200] [--rounds 3] [--no-netns]`:
// bytes and CPU of a delivery, and memory of a connection: uncompressed, compressed once for all, and by a deflater for each response, as
// good as that can be and as middleware flushes it.
import { get, request } from "node:http"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { createGunzip } from "node:zlib"
import { memoryOf } from "./run/measure.ts"
import { enterNamespace } from "./run/netns.ts"
import { Helper } from "./run/process.ts"
import { figure, median, spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { cpuSeconds } from "./run/usage.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    connections: { type: "string", default: "1000" },
    events: { type: "string", default: "100" },
    rate: { type: "string", default: "10" },
    size: { type: "string", default: "200" },
    rounds: { type: "string", default: "3" },
    netns: { type: "boolean", default: true },
  },
})
const [connections, events, rate, size, rounds] = [
  Number(flags.connections),
  Number(flags.events),
  Number(flags.rate),
  Number(flags.size),
  Number(flags.rounds),
]
if (flags.netns) enterNamespace()

const WAYS = ["none", "shared", "each", "middleware"]
/** Every so many events another reader joins, so that some come late; all that these read is checked. */
const CHECKED = 4

interface Sample {
  readonly bytes: number
  readonly us: number
  readonly kib: number
}

const words =
  "order shipped pending user price update market limit filled cancelled status message channel payload".split(" ")

/** JSON as applications send it: ids, numbers, times, words. */
function event(number: number): string {
  let seed = number * 2_654_435_761
  const below = (limit: number): number => ((seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) >>> 8) % limit
  const word = (): string => words[below(words.length)] as string
  const data = {
    n: number,
    type: word(),
    user: `u_${below(1e6)}`,
    symbol: ["AAPL", "MSFT", "GOOG"][below(3)],
    price: below(1e5) / 100,
    at: new Date(1.7e12 + number * 137).toISOString(),
    note: "",
  }
  while (JSON.stringify(data).length < size) data.note += `${word()} `
  return JSON.stringify(data)
}

/** Opens a stream and counts what comes. */
function open(port: number, counted: { bytes: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip\r\n\r\n")
    socket.once("data", () => resolve(socket))
    socket.on("data", ({ length }) => (counted.bytes += length))
    socket.on("error", reject)
  })
}

/** Reads a stream as a client does; gives the numbers it got. */
function read(port: number): { numbers: number[]; close(): void } {
  const numbers: number[] = []
  let text = ""
  const sent = get({ port, host: "127.0.0.1", agent: false, headers: { "accept-encoding": "gzip" } }, (response) => {
    const body = response.headers["content-encoding"] === "gzip" ? response.pipe(createGunzip()) : response
    body.on("error", () => {})
    body.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1")
      for (let end = 0; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
        const number = /^data: \{"n":(\d+)/m.exec(text.slice(0, end))?.[1]
        if (number !== undefined) numbers.push(Number(number))
      }
    })
  })
  sent.on("error", () => {})
  return { numbers, close: () => sent.destroy() }
}

async function publish(port: number, data: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const sent = request({ port, host: "127.0.0.1", path: "/publish", method: "POST" }, (response) => {
      response.resume().on("end", resolve)
    })
    sent.on("error", reject)
    sent.end(data)
  })
}

async function run(way: string): Promise<Sample> {
  const server = new Helper({
    core: 0,
    flags: ["--expose-gc"],
    file: join(import.meta.dirname, "servers/compress.ts"),
    args: [way],
  })
  const sockets: Socket[] = []
  const readers: ReturnType<typeof read>[] = []
  try {
    const { port } = await server.hear<{ port: number }>(20)
    await sleep(300)
    const empty = await memoryOf(server)
    const counted = { bytes: 0 }
    while (sockets.length < connections) {
      const some = Math.min(100, connections - sockets.length)
      sockets.push(...(await Promise.all(Array.from({ length: some }, () => open(port, counted)))))
    }
    // not counted: what comes first, and growing to size
    for (let number = 1; number <= 20; number++) await publish(port, event(number))
    await sleep(1_000)
    counted.bytes = 0
    const cpu = cpuSeconds(server.pid)
    const started = performance.now()
    for (let i = 0; i < events; i++) {
      await sleep(Math.max(0, started + (i * 1_000) / rate - performance.now()))
      await publish(port, event(21 + i))
      if (i % Math.ceil(events / CHECKED) === 0) readers.push(read(port))
    }
    for (let before = -1; before !== counted.bytes; await sleep(300)) before = counted.bytes
    const used = cpuSeconds(server.pid) - cpu
    for (const { numbers } of readers) {
      const first = numbers[0] ?? Number.NaN
      const isWhole = numbers.at(-1) === 20 + events && numbers.every((number, i) => number === first + i)
      if (!isWhole) throw new Error(`${way}: a reader got ${numbers.join(" ")}`)
    }
    const { collected } = await memoryOf(server)
    const deliveries = connections * events
    return {
      bytes: counted.bytes / deliveries,
      us: (used * 1e6) / deliveries,
      kib: (collected - empty.collected) / connections,
    }
  } finally {
    for (const socket of sockets) socket.destroy()
    for (const { close } of readers) close()
    await server.stop()
  }
}

const samples = new Map<string, Sample[]>(WAYS.map((way) => [way, []]))
for (let round = 0; round < rounds; round++) for (const way of WAYS) samples.get(way)?.push(await run(way))

const of = (way: string, metric: keyof Sample): number[] => (samples.get(way) ?? []).map((sample) => sample[metric])
const plain = median(of("none", "bytes"))
console.log(
  `### compress\n\n${connections} connections, ${events} events of ${size} bytes, ${rate} a second, ${rounds} rounds.\n`,
)
console.log(
  markdown([
    ["compression", "bytes/delivery", "saved %", "µs/delivery", "KiB/connection"],
    ...WAYS.map((way) => [
      way,
      figure(median(of(way, "bytes"))),
      figure(100 * (1 - median(of(way, "bytes")) / plain)),
      spread(of(way, "us")),
      spread(of(way, "kib")),
    ]),
  ]),
)
