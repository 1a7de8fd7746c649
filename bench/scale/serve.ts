// A hub under test: `node scale/serve.ts <ServeOptions as JSON>`. It prints its port, then answers each line on stdin (a `Command` as JSON)
// with a line. It ends when stdin does.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createInterface } from "node:readline"
import { createHub, type Hub, type HubOptions } from "onward"
import { sse } from "onward/node"
import type { Log } from "onward/log"
import { payload } from "../load/publisher.ts"
import { openLog, type LogSpec } from "./open-log.ts"

export interface ServeOptions {
  readonly log: LogSpec
  readonly window?: HubOptions["window"]
  /** Whether the event loop is watched, which itself takes 2 % of a core. @default false */
  readonly watch?: boolean
}

/** What the hub is told to do. */
export type Command =
  /**
   * Publishes the numbers `from` to `to`, in batches of `batch` that each wait for the one before. `topic` is for all of them; one that
   * ends with `/` gets the number too.
   */
  | {
      readonly do: "publish"
      readonly topic: string
      readonly from: number
      readonly to: number
      readonly batch?: number
      readonly size?: number
    }
  | { readonly do: "usage" }
  | { readonly do: "collect" }

/** The answer to `publish`. */
export interface Published {
  /** The id of the last message. */
  readonly id: string
}

/** The answer to `usage`: since it was asked before. */
export interface Usage {
  /** How often the hub has read the log, and asked it to find something. */
  readonly reads: number
  /** The longest turn of the event loop, in ms of CPU time of the main thread. */
  readonly longestTurn: number
  /** The longest delay of a timer of 1 ms, in ms. A busy machine makes it longer. */
  readonly longestDelay: number
}

if (process.argv[1] === import.meta.filename) await main(JSON.parse(process.argv[2] ?? "{}") as ServeOptions)

async function main({ log: spec, window, watch = false }: ServeOptions): Promise<void> {
  let reads = 0
  const { log } = await openLog(spec)
  const counted: Log = {
    ...log,
    read: (query) => (reads++, log.read(query)),
    locate: (landmark) => (reads++, log.locate(landmark)),
  }
  const hub = createHub({ log: counted, ...(window && { window }), limits: { connections: 100_000 } })
  const loop = watch ? watchLoop() : () => ({ longestTurn: 0, longestDelay: 0 })
  const server = createServer((req, res) => {
    const { searchParams } = new URL(req.url ?? "", "http://localhost")
    sse(req, res, hub.subscribe({ topics: searchParams.getAll("topic"), patterns: searchParams.getAll("pattern") }))
  })
  const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
  const lines = createInterface({ input: process.stdin })
  lines.on("line", async (line) => {
    const command = JSON.parse(line) as Command
    if (command.do === "publish") say({ id: await publish(hub, command) } satisfies Published)
    else if (command.do === "usage") {
      say({ reads, ...loop() } satisfies Usage)
      reads = 0
    } else {
      globalThis.gc?.()
      // a second time, for what the first collection finalized
      setTimeout(() => (globalThis.gc?.(), say({})), 300)
    }
  })
  lines.on("close", () => process.exit())
  await hub.position()
  server.listen(0, "127.0.0.1", 16_384, () => say({ port: (server.address() as AddressInfo).port }))
}

async function publish(hub: Hub, command: Command & { do: "publish" }): Promise<string> {
  const { topic, from, to, batch = 1_000, size = 200 } = command
  let id = ""
  for (let number = from; number <= to; number += batch) {
    const messages = Array.from({ length: Math.min(batch, to - number + 1) }, (_, i) => ({
      topic: topic.endsWith("/") ? `${topic}${number + i}` : topic,
      data: payload(number + i, size),
    }))
    id = (await hub.publishMany(messages)).at(-1) ?? id
    await new Promise((resolve) => void setImmediate(resolve))
  }
  return id
}

/** Watches the event loop; each call returns the worst since the call before. */
export function watchLoop(): () => Omit<Usage, "reads"> {
  const work = (): number => {
    const { user, system } = process.threadCpuUsage()
    return (user + system) / 1_000
  }
  let worked = work()
  let longestTurn = 0
  let at = performance.now()
  let longestDelay = 0
  // a timer, because a chain of setImmediate would itself keep the core busy
  setInterval(() => {
    const [now, nowWorked] = [performance.now(), work()]
    longestDelay = Math.max(longestDelay, now - at - 1)
    longestTurn = Math.max(longestTurn, nowWorked - worked)
    at = now
    worked = nowWorked
  }, 1)
  return () => {
    const seen = { longestTurn, longestDelay }
    longestTurn = longestDelay = 0
    return seen
  }
}
