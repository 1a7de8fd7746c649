import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { Agent, request } from "node:http"
import { connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Helper } from "./process.ts"
import { cpuSeconds } from "./usage.ts"

const BIN = join(import.meta.dirname, "../../packages/hub/src/bin.ts")

const COLLECT = new URL("../servers/collect.ts", import.meta.url).href

/** `onward serve` as a process of its own, with a memory log. */
export interface Hub {
  readonly server: Helper
  readonly port: number
  readonly pid: number
  /** CPU seconds that it has used. */
  readonly cpu: () => number
  stop(): Promise<void>
}

/**
 * @param settings more of its configuration file
 * @param flags of Node; with `--expose-gc` it collects garbage like other servers of the bench
 */
export async function startHub(settings: object, flags: readonly string[] = []): Promise<Hub> {
  const folder = mkdtempSync(join(tmpdir(), "onward-bench-"))
  const limits = { streams: 100_000, streamsPerAddress: 100_000, publishRate: 0 }
  writeFileSync(join(folder, "onward.yaml"), JSON.stringify({ log: "memory:", limits, ...settings }))
  const args = ["serve", "--port", "0", "--no-demo", "--data", folder, "--config", join(folder, "onward.yaml")]
  const server = new Helper({ core: 0, flags: ["--import", COLLECT, ...flags], file: BIN, args })
  const { url } = await server.hear<{ url: string }>(30)
  return {
    server,
    port: Number(new URL(url).port),
    pid: server.pid,
    cpu: () => cpuSeconds(server.pid),
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true })
    },
  }
}

export interface Stream {
  readonly socket: Socket
  bytes: number
}

interface StreamOptions {
  readonly topics: readonly string[]
  readonly credential?: string
}

function open(port: number, { topics, credential }: StreamOptions): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1")
    const stream: Stream = { socket, bytes: 0 }
    const query = topics.map((topic) => `topic=${topic}`).join("&")
    const authorization = credential === undefined ? "" : `Authorization: Bearer ${credential}\r\n`
    socket.write(`GET /events?${query} HTTP/1.1\r\nHost: 127.0.0.1\r\n${authorization}\r\n`)
    socket.once("data", (head: Buffer) => {
      if (head.toString("latin1").startsWith("HTTP/1.1 200")) resolve(stream)
      else reject(new Error(head.toString("latin1")))
    })
    socket.on("data", ({ length }) => (stream.bytes += length))
    socket.on("error", reject)
  })
}

/** Opens streams, 50 at once. */
export async function openStreams(
  port: number,
  count: number,
  optionsOf: (i: number) => StreamOptions,
): Promise<Stream[]> {
  const all: Stream[] = []
  while (all.length < count) {
    const from = all.length
    const some = Array.from({ length: Math.min(50, count - from) }, (_, i) => from + i)
    all.push(...(await Promise.all(some.map((i) => open(port, optionsOf(i))))))
  }
  return all
}

export const close = (all: readonly Stream[]): void => {
  for (const { socket } of all) socket.destroy()
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

/** Publishes 100 characters, over one connection. */
export function publish(port: number, topic: string, credential?: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      "content-type": "application/x-www-form-urlencoded",
      ...(credential !== undefined && { authorization: `Bearer ${credential}` }),
    }
    const sent = request({ port, host: "127.0.0.1", path: "/publish", method: "POST", headers, agent }, (answer) => {
      if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`))
      answer.resume().on("end", resolve)
    })
    sent.on("error", reject)
    sent.end(`topic=${topic}&data=${"x".repeat(100)}`)
  })
}
