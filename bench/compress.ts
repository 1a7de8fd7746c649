// `npm run bench -- compress`, or this file with `[--shape json|page] [--connections 1000] [--events 100] [--rate 10] [--size 200] [--rounds 3]
// [--ways "none,shared zstd"] [--no-netns]`: bytes and CPU of a delivery, and memory of a connection, for small events (JSON) and for large ones
// that resemble each other (HTML of a page, of which 2 % changes): uncompressed, compressed once for all, a custom source compressed for each
// response, and by a compressor of zlib for each response, as good as that can be and as middleware flushes it.
import { get, request } from "node:http"
import { connect, type Socket } from "node:net"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { createGunzip, createZstdDecompress } from "node:zlib"
import { memoryOf } from "./run/measure.ts"
import { enterNamespace } from "./run/netns.ts"
import { Helper } from "./run/process.ts"
import { figure, median, spread } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { cpuSeconds } from "./run/usage.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    shape: { type: "string" },
    connections: { type: "string" },
    events: { type: "string" },
    rate: { type: "string" },
    size: { type: "string" },
    rounds: { type: "string", default: "3" },
    ways: { type: "string" },
    netns: { type: "boolean", default: true },
  },
})
const rounds = Number(flags.rounds)
if (flags.netns) enterNamespace()

/** A kind of events, and the load that is measured unless flags say otherwise. */
interface Shape {
  readonly connections: number
  readonly events: number
  readonly rate: number
  readonly size: number
  event(number: number, size: number): string
}

const WAYS = flags.ways?.split(",") ?? [
  "none",
  "shared gzip",
  "shared zstd",
  "own gzip",
  "own zstd",
  "each gzip",
  "each zstd",
  "middleware",
]
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
function json(number: number, size: number): string {
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

/** The HTML of a page as a server sends it with each change: 2 of 100 rows are other than before. */
function page(number: number, size: number): string {
  const hash = (seed: number): number => Math.imul(seed ^ (seed >>> 15), 2_246_822_519) >>> 0
  let html = `<!--${number}--><main>`
  for (let row = 0; html.length < size; row++) {
    let changed = number
    while (changed > 0 && hash(row * 7_919 + changed) % 100 >= 2) changed--
    const price = (hash(row * 104_729 + changed) % 1_000_000) / 100
    html += `<div class="row flex items-center px-4" id="row-${row}"><span class="name">${words[row % words.length]} ${row}</span>`
    html += `<span class="price text-right">${price}</span><button data-on-click="@post('/buy/${row}')">Buy</button></div>`
  }
  return `${html}</main>`
}

const SHAPES: Readonly<Record<string, Shape>> = {
  json: { connections: 1_000, events: 100, rate: 10, size: 200, event: json },
  page: { connections: 50, events: 50, rate: 5, size: 177_000, event: page },
}

/** Opens a stream and counts what comes. */
function open(port: number, counted: { bytes: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    socket.write("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: gzip, zstd\r\n\r\n")
    socket.once("data", () => resolve(socket))
    socket.on("data", ({ length }) => (counted.bytes += length))
    socket.on("error", reject)
  })
}

/** Reads a stream as a client does; gives the numbers it got. */
function read(port: number): { numbers: number[]; close(): void } {
  const numbers: number[] = []
  let text = ""
  const sent = get(
    { port, host: "127.0.0.1", agent: false, headers: { "accept-encoding": "gzip, zstd" } },
    (response) => {
      const coding = response.headers["content-encoding"]
      const decoder = coding === "gzip" ? createGunzip() : coding === "zstd" ? createZstdDecompress() : undefined
      const body = decoder ? response.pipe(decoder) : response
      body.on("error", () => {})
      body.on("data", (chunk: Buffer) => {
        text += chunk.toString("latin1")
        for (let end = 0; (end = text.indexOf("\n\n")) >= 0; text = text.slice(end + 2)) {
          const number = /^data: (?:\{"n":|<!--)(\d+)/m.exec(text.slice(0, end))?.[1]
          if (number !== undefined) numbers.push(Number(number))
        }
      })
    },
  )
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

async function run(way: string, { connections, events, rate, size, event }: Shape): Promise<Sample> {
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
    for (let number = 1; number <= 20; number++) await publish(port, event(number, size))
    await sleep(1_000)
    counted.bytes = 0
    const cpu = cpuSeconds(server.pid)
    const started = performance.now()
    for (let i = 0; i < events; i++) {
      await sleep(Math.max(0, started + (i * 1_000) / rate - performance.now()))
      await publish(port, event(21 + i, size))
      if (i % Math.ceil(events / CHECKED) === 0) readers.push(read(port))
    }
    for (let before = -1; before !== counted.bytes; await sleep(300)) before = counted.bytes
    for (let left = 100; left > 0 && readers.some(({ numbers }) => numbers.at(-1) !== 20 + events); left--)
      await sleep(300)
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

for (const [name, byDefault] of Object.entries(SHAPES)) {
  if (flags.shape !== undefined && flags.shape !== name) continue
  const shape: Shape = {
    connections: Number(flags.connections ?? byDefault.connections),
    events: Number(flags.events ?? byDefault.events),
    rate: Number(flags.rate ?? byDefault.rate),
    size: Number(flags.size ?? byDefault.size),
    event: byDefault.event,
  }
  const samples = new Map<string, Sample[]>(WAYS.map((way) => [way, []]))
  for (let round = 0; round < rounds; round++) {
    for (const way of WAYS) samples.get(way)?.push(await run(way, shape))
  }
  const of = (way: string, metric: keyof Sample): number[] => (samples.get(way) ?? []).map((sample) => sample[metric])
  const plain = median(of(WAYS[0] as string, "bytes"))
  console.log(
    `### compress, ${name}\n\n${shape.connections} connections, ${shape.events} events of ${shape.size} bytes, ${shape.rate} a second, ${rounds} rounds.\n`,
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
}
