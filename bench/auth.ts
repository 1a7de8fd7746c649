// `npm run bench -- auth`, or this file with `[--streams 1000] [--events 100] [--sets 10000] [--rounds 3] [--only delivery] [--no-netns]`: what authentication costs
// the hub: CPU of a delivery and of a connect, with it and without, and the latency of a publish with one set of grants and with many.
import { createHmac } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { connect, type Socket } from "node:net"
import { loadavg, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { enterNamespace } from "./run/netns.ts"
import { Helper } from "./run/process.ts"
import { figure, median } from "./run/statistics.ts"
import { markdown } from "./run/tables.ts"
import { cpuSeconds } from "./run/usage.ts"

const { values: flags } = parseArgs({
  allowNegative: true,
  options: {
    streams: { type: "string", default: "1000" },
    events: { type: "string", default: "100" },
    sets: { type: "string", default: "10000" },
    rounds: { type: "string", default: "3" },
    only: { type: "string" },
    netns: { type: "boolean", default: true },
  },
})
const [streams, events, sets, rounds] = [flags.streams, flags.events, flags.sets, flags.rounds].map(Number) as [
  number,
  number,
  number,
  number,
]
if (flags.netns) enterNamespace()
// the hub refuses variables that begin like its own and that it does not know
delete process.env["ONWARD_BENCH_NETNS"]

const SECRET = "a secret of more than thirty-two bytes, for the bench"
const KEY = "ok_a-key-of-more-than-32-characters-for-the-bench"
const BIN = join(import.meta.dirname, "../packages/hub/src/bin.ts")

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url")

function token(user: number, subscribe: readonly string[]): string {
  const exp = Math.floor(Date.now() / 1_000) + 3_600
  const input = `${encode({ alg: "HS256" })}.${encode({ iss: "bench", aud: "hub", sub: `u${user}`, exp, onward: { subscribe } })}`
  return `${input}.${createHmac("sha256", SECRET).update(input).digest("base64url")}`
}

interface Hub {
  readonly port: number
  readonly cpu: () => number
  stop(): Promise<void>
}

async function startHub(hasAuth: boolean): Promise<Hub> {
  const folder = mkdtempSync(join(tmpdir(), "onward-bench-"))
  const auth = {
    keys: [{ name: "bench", key: KEY }],
    issuers: [{ issuer: "bench", audience: "hub", secret: SECRET }],
    streamsPerUser: 1_000_000,
  }
  const limits = { streams: 100_000, streamsPerAddress: 100_000, publishRate: 0 }
  writeFileSync(join(folder, "onward.yaml"), JSON.stringify({ log: "memory:", limits, ...(hasAuth && { auth }) }))
  const args = ["serve", "--port", "0", "--no-demo", "--data", folder, "--config", join(folder, "onward.yaml")]
  const server = new Helper({ core: 0, file: BIN, args })
  const { url } = await server.hear<{ url: string }>(30)
  return {
    port: Number(new URL(url).port),
    cpu: () => cpuSeconds(server.pid),
    async stop() {
      process.kill(server.pid, "SIGKILL")
      await server.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

interface Stream {
  readonly socket: Socket
  bytes: number
}

function open(port: number, topics: readonly string[], jwt: string): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    const stream: Stream = { socket, bytes: 0 }
    const query = topics.map((topic) => `topic=${topic}`).join("&")
    socket.write(`GET /events?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${jwt}\r\n\r\n`)
    socket.once("data", (head: Buffer) => {
      if (head.toString("latin1").startsWith("HTTP/1.1 200")) resolve(stream)
      else reject(new Error(head.toString("latin1")))
    })
    socket.on("data", ({ length }) => (stream.bytes += length))
    socket.on("error", reject)
  })
}

async function openAll(port: number, count: number, jwtOf: (i: number) => string, shared: string[]): Promise<Stream[]> {
  const all: Stream[] = []
  while (all.length < count) {
    const from = all.length
    const some = Array.from({ length: Math.min(50, count - from) }, (_, i) => from + i)
    all.push(...(await Promise.all(some.map((i) => open(port, [`user/${i}`, ...shared], jwtOf(i))))))
  }
  return all
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

function publish(port: number, topic: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${KEY}`, "content-type": "application/x-www-form-urlencoded" }
    const sent = request({ port, host: "127.0.0.1", path: "/publish", method: "POST", headers, agent }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`))
      answer.resume().on("end", resolve)
    })
    sent.on("error", reject)
    sent.end(`topic=${topic}&data=${"x".repeat(100)}`)
  })
}

const close = (all: readonly Stream[]): void => {
  for (const { socket } of all) socket.destroy()
}

/** CPU of a delivery in µs: streams with a topic of their own, and one that all share. */
async function delivery(hasAuth: boolean): Promise<number> {
  const hub = await startHub(hasAuth)
  const all = await openAll(hub.port, streams, (i) => token(i, [`user/${i}`, "shared"]), ["shared"])
  try {
    const total = (): number => all.reduce((sum, { bytes }) => sum + bytes, 0)
    for (let i = 0; i < 20; i++) await publish(hub.port, "shared")
    await sleep(500)
    const cpu = hub.cpu()
    for (let i = 0; i < events; i++) {
      await publish(hub.port, "shared")
      await sleep(5)
    }
    for (let before = -1; before !== total(); await sleep(200)) before = total()
    return ((hub.cpu() - cpu) * 1e6) / (streams * events)
  } finally {
    close(all)
    await hub.stop()
  }
}

/** CPU of a connect in µs, with tokens that the hub has seen before. */
async function connecting(hasAuth: boolean): Promise<number> {
  const hub = await startHub(hasAuth)
  const known = Array.from({ length: 100 }, (_, i) => token(i, ["user/*"]))
  const jwtOf = (i: number): string => known[i % known.length] as string
  try {
    // not counted: the first verification of each token, and compiling
    close(await openAll(hub.port, streams, jwtOf, []))
    await sleep(500)
    const cpu = hub.cpu()
    close(await openAll(hub.port, streams, jwtOf, []))
    await sleep(500)
    return ((hub.cpu() - cpu) * 1e6) / streams
  } finally {
    await hub.stop()
  }
}

/** p99 of a publish to the topic of one stream, in ms, with so many streams. */
async function publishing(jwtOf: (i: number) => string): Promise<number> {
  const hub = await startHub(true)
  const all = await openAll(hub.port, sets, jwtOf, [])
  try {
    const times: number[] = []
    for (let i = 0; i < 1_200; i++) {
      const at = performance.now()
      await publish(hub.port, `user/${(i * 7_919) % sets}`)
      if (i >= 200) times.push(performance.now() - at)
    }
    return times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] as number
  } finally {
    close(all)
    await hub.stop()
  }
}

const one = token(0, ["user/*"])
const pairs: [name: string, what: string, without: () => Promise<number>, having: () => Promise<number>][] = [
  ["delivery", `µs CPU of a delivery, ${streams} streams`, () => delivery(false), () => delivery(true)],
  ["connect", "µs CPU of a connect and disconnect, known token", () => connecting(false), () => connecting(true)],
  [
    "publish",
    `ms p99 of a publish, ${sets} streams, one grant set and ${sets}`,
    () => publishing(() => one),
    () => publishing((i) => token(i, [`user/${i}`, `group/${i}/*`])),
  ],
]
const rows: string[][] = []
for (const [name, what, without, having] of pairs) {
  if (flags.only !== undefined && flags.only !== name) continue
  const [a, b]: [number[], number[]] = [[], []]
  // by turns, so that what else the machine does meets both
  for (let round = 0; round < rounds; round++) {
    a.push(await without())
    b.push(await having())
  }
  const [before, after] = [median(a), median(b)]
  rows.push([what, figure(before), figure(after), figure(after / before)])
}
console.log(`### auth\n\n${rounds} rounds, load ${loadavg()[0]?.toFixed(1)}.\n`)
console.log(markdown([["", "without", "with", "ratio"], ...rows]))
