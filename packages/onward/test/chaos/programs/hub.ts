// A hub behind HTTP: POST /publish takes messages, GET /events streams; what it has trouble with it writes to its output.
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout as wait } from "node:timers/promises"
import { sse } from "../../../src/adapters/node.ts"
import { systemClock } from "../../../src/clock.ts"
import { createHub, OnwardError, type Log, type Message } from "../../../src/index.ts"
import { openLog, type LogAddress } from "../open-log.ts"

const address = JSON.parse(process.argv[2] ?? "") as LogAddress
let offset = 0
const clock = { ...systemClock, now: (): number => Date.now() + offset }

process.on("message", (message: { readonly offset: number }) => {
  offset = message.offset
})
process.on("disconnect", () => process.exit())

const say = (error: unknown): void => console.log(new Date().toISOString(), error)

/** Like a process that is started again until its store is there. */
async function open(): Promise<Log> {
  for (;;) {
    try {
      return await openLog(address, clock)
    } catch (error) {
      say(error)
      await wait(200)
    }
  }
}

const hub = createHub({
  log: await open(),
  clock,
  heartbeat: 500,
  // small, so that who comes back reads from the store, too
  window: { maxEntries: 200 },
  onError: say,
})

async function publish(req: IncomingMessage, res: ServerResponse): Promise<void> {
  let body = ""
  for await (const bytes of req.setEncoding("utf8") as AsyncIterable<string>) body += bytes
  try {
    res.end(JSON.stringify(await hub.publishMany(JSON.parse(body) as Message[])))
  } catch (error) {
    say(error)
    res.statusCode = error instanceof OnwardError ? error.status : 500
    res.end()
  }
}

const server = createServer((req, res) => {
  if (req.method === "POST") return void publish(req, res).catch(say)
  const { searchParams } = new URL(req.url ?? "", "http://hub")
  const subscription = hub.subscribe({
    topics: searchParams.getAll("topic"),
    patterns: searchParams.getAll("pattern"),
    from: "earliest",
  })
  return void sse(req, res, subscription)
})
server.listen(0, "127.0.0.1")
await once(server, "listening")
process.send?.({ port: (server.address() as AddressInfo).port })
