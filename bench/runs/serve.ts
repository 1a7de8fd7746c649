/** Serves answers of tokens by one contender, and tells its CPU time when asked. Ends with its stdin. */
import http from "node:http"
import { createInterface } from "node:readline"
import { sse } from "onward/node"
import { redisLog } from "onward/redis"
import { createRuns, type Format } from "onward/runs"
import { sqliteLog } from "onward/sqlite"
import { createClient } from "redis"
import { createResumableStreamContext } from "resumable-stream"
import { TICK, tokenOf } from "./tokens.ts"

const [contender = "", place = ""] = process.argv.slice(2)

/** All answers share one timer, so that what is measured is not timers. */
let wake: (() => void)[] = []
const ticks = setInterval(() => {
  const woken = wake
  wake = []
  for (const each of woken) each()
}, TICK)

async function* tokens(count: number): AsyncGenerator<string> {
  for (let n = 0; n < count; n++) {
    await new Promise<void>((resolve) => wake.push(resolve))
    yield tokenOf(n)
  }
}

const block = (token: string): string => `data: ${JSON.stringify(token)}\n\n`

const format: Format<string> = {
  name: "bench",
  endsWithSource: true,
  encode: (frame) => ({ data: JSON.stringify(frame) }),
  decode: ({ data }) => JSON.parse(data) as string,
  merge: (previous, next) => previous + next,
  reader: () => ({ take: (delta) => [{ type: "text", delta }], isComplete: false, end: () => [] }),
  writer: () => () => [],
}

type Handler = (req: http.IncomingMessage, res: http.ServerResponse, id: string, count: number) => Promise<void>

const contenders: Record<string, () => Handler | Promise<Handler>> = {
  bare: () => async (_req, res, _id, count) => {
    res.writeHead(200, { "content-type": "text/event-stream" })
    for await (const token of tokens(count)) res.write(block(token))
    res.end()
  },

  "runs-memory": () => runsIn(createRuns({ format })),
  "runs-sqlite": () => runsIn(createRuns({ format, log: sqliteLog(place) })),

  async "runs-redis"() {
    const client = createClient({ url: place })
    client.on("error", () => {})
    await client.connect()
    return runsIn(createRuns({ format, log: redisLog(client) }))
  },

  async "resumable-stream"() {
    const publisher = createClient({ url: place })
    const subscriber = createClient({ url: place })
    // its server ends before it does
    for (const client of [publisher, subscriber]) client.on("error", () => {})
    await Promise.all([publisher.connect(), subscriber.connect()])
    const context = createResumableStreamContext({ waitUntil: null, publisher, subscriber })
    return async (_req, res, id, count) => {
      res.writeHead(200, { "content-type": "text/event-stream" })
      const stream = await context.resumableStream(id, () => {
        const iterator = tokens(count)
        return new ReadableStream<string>({
          async pull(controller) {
            const { done, value } = await iterator.next()
            if (done) controller.close()
            else controller.enqueue(block(value))
          },
        })
      })
      for await (const text of stream ?? []) res.write(text)
      res.end()
    }
  },
}

function runsIn(runs: ReturnType<typeof createRuns<string>>): Handler {
  return async (req, res, id, count) => {
    await runs.start(id, () => tokens(count))
    sse(req, res, runs.source(id))
  }
}

const handler = await contenders[contender]?.()
if (!handler) throw new TypeError(`contenders: ${Object.keys(contenders).join(", ")}`)

const server = http.createServer((req, res) => {
  const [, count = "", id = ""] = (req.url ?? "").split("/")
  void handler(req, res, id, Number(count))
})
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())))
for await (const _ of createInterface({ input: process.stdin })) {
  const { user, system } = process.cpuUsage()
  const { rss } = process.memoryUsage()
  for (let i = 0; i < 2; i++) globalThis.gc?.()
  console.log(JSON.stringify({ cpu: user + system, rss, heap: process.memoryUsage().heapUsed }))
}
clearInterval(ticks)
process.exit()
