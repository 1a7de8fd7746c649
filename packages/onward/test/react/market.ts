import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestContext } from "node:test"
import { sse } from "../../src/adapters/node.ts"
import { createHub } from "../../src/hub/index.ts"
import { formatPosition } from "../../src/log/index.ts"

/** A server of prices: what each is now, and each change of them. */
export interface Market {
  readonly origin: string
  /** The stream of changes, for a client that has been at another server: it begins with a gap. */
  readonly eventsWithGap: string
  set(symbol: string, price: number): Promise<void>
  /** The `Last-Event-ID` of each stream there was. */
  readonly streams: readonly (string | undefined)[]
  /** Streams that are open. */
  readonly open: number
  /** How often one price was asked for. */
  readonly asked: number
}

export async function openMarket(t: Pick<TestContext, "after">): Promise<Market> {
  const hub = createHub()
  const prices = new Map<string, number>()
  const streams: (string | undefined)[] = []
  let open = 0
  let asked = 0
  const server = createServer((req, res) => {
    const { pathname } = new URL(req.url ?? "", "http://localhost")
    if (pathname !== "/events") {
      asked++
      return void res.end(JSON.stringify(prices.get(pathname.slice(1)) ?? null))
    }
    streams.push(req.headers["last-event-id"]?.toString())
    open++
    res.on("close", () => open--)
    sse(req, res, hub.subscribe({ topics: ["prices"], from: "earliest" }))
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    server.closeAllConnections()
    server.close()
    await hub.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    origin,
    eventsWithGap: `${origin}/events?last_event_id=${formatPosition("anotherl", 7)}`,
    async set(symbol, price) {
      prices.set(symbol, price)
      await hub.publish({ topic: "prices", data: { symbol, price } })
    },
    streams,
    get open() {
      return open
    },
    get asked() {
      return asked
    },
  }
}
