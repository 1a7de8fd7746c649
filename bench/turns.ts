// `npm run bench -- turns`: how long hostile input holds a hub's event loop at most, by the kind of input.
import { fork, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, rmSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

const MIB = 1024 ** 2
const TARGET_MS = 50
const ENTRIES = 120_000
const HOSTILE_TOPICS = 10_000
const STREAMS = 5_000
/** A hub lets one address have so many streams. */
const STREAMS_AN_ADDRESS = 100

const FORM = "application/x-www-form-urlencoded"
const JSON_TYPE = "application/json"
const LINES = "application/x-ndjson"

const filled = (before: string, part: string, after: string): string => before + part.repeat(MIB / part.length) + after

/** A megabyte of each type, and what each type can be made of. */
const BODIES: Readonly<Record<string, [type: string, body: string]>> = {
  "form, fields": [FORM, filled("topic=a", "&x=y", "")],
  "form, 600,000 fields": [FORM, Array.from({ length: 600_000 }, (_, i) => i.toString(36)).join("&")],
  "form, separators": [FORM, filled("topic=a", "&", "")],
  "form, percent-encoded": [FORM, filled("topic=a&data=", "%61", "")],
  "form, plus signs": [FORM, filled("topic=a&data=", "+", "").slice(0, MIB)],
  "form, line ends": [FORM, filled("topic=a&data=", "%0A", "")],
  "JSON, numbers": [JSON_TYPE, filled('{"topic":"a","data":[', "1,", "1]}")],
  "JSON, white space": [JSON_TYPE, filled('{"topic":"a","data":[', "1, ", "1]}")],
  "JSON, a string of escapes": [JSON_TYPE, filled('{"topic":"a","data":"', "\\n", '"}')],
  "JSON, arrays": [JSON_TYPE, filled('{"topic":"a","data":[', "[],", "1]}")],
  "JSON, brackets": [JSON_TYPE, filled('{"topic":"a","data":', "[", "")],
  "JSON, a batch": [
    JSON_TYPE,
    `[${Array<string>(1_000)
      .fill(`{"topic":"a","data":"${"x".repeat(1_000)}"}`)
      .join()}]`,
  ],
  "JSON, too many messages": [JSON_TYPE, filled("[", "{},", "{}]")],
  "lines, a batch": [
    LINES,
    Array<string>(1_000)
      .fill(`{"topic":"a","data":"${"x".repeat(1_000)}"}`)
      .join("\n"),
  ],
  "lines, empty": [LINES, filled("", "\n", "")],
  "lines, too many": [LINES, filled("", "{}\n", "")],
  "text of another type": ["text/plain", filled("", "x", "")],
}

interface Hub {
  readonly url: string
  readonly port: number
  /** The longest turn since it was last asked, in ms of CPU time. */
  longest(): Promise<number>
}

async function start(args: readonly string[]): Promise<[hub: Hub, child: ChildProcess]> {
  const bin = new URL("../packages/hub/src/bin.ts", import.meta.url)
  const child = fork(bin, ["serve", "--port", "0", "--no-demo", "--data", folder, ...args], {
    execArgv: [...process.execArgv, "--import", new URL("turns/probe.ts", import.meta.url).href],
    stdio: ["ignore", "pipe", "inherit", "ipc"],
  })
  let port = 0
  for await (const text of child.stdout as AsyncIterable<Buffer>) {
    port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(String(text))?.[1])
    if (port > 0) break
  }
  const hub: Hub = {
    url: `http://127.0.0.1:${port}`,
    port,
    async longest() {
      child.send("longest?")
      const [{ longest }] = (await once(child, "message")) as [{ longest: number }]
      return longest
    },
  }
  return [hub, child]
}

const publish = async (hub: Hub, type: string, body: string): Promise<void> => {
  await (await fetch(`${hub.url}/publish`, { method: "POST", headers: { "content-type": type }, body })).arrayBuffer()
}

const batch = (hub: Hub, topics: readonly string[], data = ""): Promise<void> =>
  publish(hub, JSON_TYPE, JSON.stringify(topics.map((topic) => ({ topic, data }))))

async function open(hub: Hub, path: string, localAddress = "127.0.0.1"): Promise<Socket> {
  const socket = connect({ port: hub.port, host: "127.0.0.1", localAddress })
  socket.on("error", () => {}).resume()
  await once(socket, "connect")
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost:${hub.port}\r\n\r\n`)
  return socket
}

/** Opens streams, leaves them after a while, and waits until the hub has nothing to do with them any more. */
async function lookBack(hub: Hub, path: string, streams: number, after: number): Promise<void> {
  const sockets = await Promise.all(Array.from({ length: streams }, () => open(hub, path)))
  await sleep(after)
  for (const socket of sockets) socket.destroy()
  await (await fetch(`${hub.url}/healthz`)).arrayBuffer()
}

async function crowd(hub: Hub): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < STREAMS) {
    const address = `127.0.1.${1 + Math.floor(sockets.length / STREAMS_AN_ADDRESS)}`
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => open(hub, "/events?topic=crowd", address)))))
  }
  return sockets
}

let crowded: readonly Socket[] = []

/** What is done to a hub, in this order. */
const ATTACKS: readonly [name: string, attack: (hub: Hub) => Promise<unknown>][] = [
  ["starting", () => sleep(2_000)],
  ["nothing", () => sleep(1_000)],
  [
    `publishing ${ENTRIES} entries in batches`,
    async (hub) => {
      for (let i = 0; i < ENTRIES; i += 1_000) {
        await batch(
          hub,
          Array.from({ length: 1_000 }, (_, at) => `topic/${(i + at) % 5_000}`),
        )
      }
    },
  ],
  [
    "60 × `topic=nothing*&last=1`, each cancelled after 100 ms",
    (hub) => lookBack(hub, "/events?topic=nothing*&last=1", 60, 100),
  ],
  ["60 × the same with another pattern, waited for", (hub) => lookBack(hub, "/events?topic=x*&last=1", 60, 5_000)],
  [
    "60 × `last=10000` of 100 topics",
    (hub) => {
      const topics = Array.from({ length: 100 }, (_, i) => `topic=topic/${i}`).join("&")
      return lookBack(hub, `/events?${topics}&last=10000`, 60, 2_000)
    },
  ],
  ["20 × everything from the beginning", (hub) => lookBack(hub, "/events?topic=*&last_event_id=earliest", 20, 5_000)],
  [
    `publishing on ${HOSTILE_TOPICS} hostile topics`,
    async (hub) => {
      for (let i = 0; i < HOSTILE_TOPICS; i += 1_000) {
        await batch(
          hub,
          Array.from({ length: 1_000 }, (_, at) => `${"a".repeat(1_000)}${i + at}`),
        )
      }
    },
  ],
  [
    "one GET whose patterns all but match them",
    (hub) => {
      const patterns = Array.from({ length: 20 }, (_, i) => `topic=*${"a".repeat(480)}b${i}*`).join("&")
      return lookBack(hub, `/events?${patterns}&last=1`, 1, 5_000)
    },
  ],
  ...Object.entries(BODIES).map(
    ([name, [type, body]]) =>
      [`1 MB: ${name}`, (hub: Hub) => publish(hub, type, body)] as [string, (hub: Hub) => Promise<unknown>],
  ),
  [
    `one event to ${STREAMS} streams, 20 times`,
    async (hub) => {
      const sockets = await crowd(hub)
      await sleep(1_000)
      await hub.longest()
      for (let i = 0; i < 20; i++) {
        await publish(hub, FORM, `topic=crowd&data=${i}`)
        await sleep(100)
      }
      crowded = sockets
    },
  ],
  [
    `${STREAMS} streams that leave at once`,
    async () => {
      for (const socket of crowded) socket.destroy()
      await sleep(2_000)
    },
  ],
  [
    "64 publishers that flood, 3 s",
    async (hub) => {
      const until = performance.now() + 3_000
      const flood = async (): Promise<void> => {
        while (performance.now() < until) await publish(hub, FORM, "topic=a&data=b")
      }
      await Promise.all(Array.from({ length: 64 }, flood))
    },
  ],
]

const folder = mkdtempSync(join(tmpdir(), "onward-turns-"))
try {
  console.log(
    `### turns\n\nWhat the longest turn of a hub's event loop took, in ms of its thread's time; the target is ${TARGET_MS}.\n`,
  )
  console.log("| input | memory log | SQLite log |\n| --- | --- | --- |")
  const figures = new Map<string, number[]>()
  for (const log of ["memory:", `sqlite:${join(folder, "events.db")}`]) {
    const [hub, child] = await start(["--log", log, "--publish-rate", "0"])
    try {
      for (const [name, attack] of ATTACKS) {
        await hub.longest()
        await attack(hub)
        figures.set(name, [...(figures.get(name) ?? []), await hub.longest()])
      }
    } finally {
      child.kill("SIGKILL")
    }
  }
  for (const [name, [memory = 0, sqlite = 0]] of figures) {
    console.log(`| ${name} | ${memory.toFixed(0)} | ${sqlite.toFixed(0)} |`)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
