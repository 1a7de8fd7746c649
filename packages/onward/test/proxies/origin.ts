import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { text } from "node:stream/consumers"
import { sse } from "../../src/adapters/node.ts"
import { createHub, type Hub } from "../../src/index.ts"

/** Hubs by how they treat silence: as hubs do by default, with a heartbeat far below any limit, with none at all. */
const HEARTBEATS = { usual: undefined, lively: 250, silent: Infinity }

const COMPRESSIBLE = ": a comment that comes again\n".repeat(1_000)

/**
 * The server behind a proxy: `/usual?topic=a` is a stream of the usual hub, compressed if the query says so, `/page` something to cache, `/text` something to
 * compress: an event stream that forbids nothing and is over at once.
 */
export interface Origin {
  readonly port: number
  readonly url: string
  readonly hubs: Readonly<Record<keyof typeof HEARTBEATS, Hub>>
  /** How often `/page` had to be made. */
  readonly pages: number
  /** Cuts every connection, as a crash would. */
  cut(): void
  close(): Promise<void>
}

export async function createOrigin(): Promise<Origin> {
  const hubs = {
    usual: createHub(),
    lively: createHub({ heartbeat: HEARTBEATS.lively }),
    silent: createHub({ heartbeat: HEARTBEATS.silent }),
  }
  const sockets = new Set<Socket>()
  let pages = 0

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? "", "http://localhost")
    if (pathname === "/ready") return void res.writeHead(200, { "cache-control": "no-store" }).end("ready")
    if (pathname === "/page") {
      pages++
      return void res.writeHead(200, { "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT", etag: '"1"' }).end("a page")
    }
    if (pathname === "/text") return void res.writeHead(200, { "content-type": "text/event-stream" }).end(COMPRESSIBLE)
    const hub = hubs[pathname.slice(1) as keyof typeof hubs]
    if (!hub) return void res.writeHead(404).end()
    // whose stream it is, says a cookie; what it is of, says the body of a POST
    const topic = /topic=(\w+)/.exec(req.headers.cookie ?? "")?.[1] ?? searchParams.get("topic") ?? (await text(req))
    const subscription = hub.subscribe({ topics: [topic], until: ({ data }) => data === "end" })
    sse(req, res, subscription, searchParams.has("compress") ? { compress: { prefer: "zstd" } } : {})
  }

  const server = createServer((req, res) => void handle(req, res))
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo

  function cut(): void {
    for (const socket of sockets) socket.destroy()
  }

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    hubs,
    get pages() {
      return pages
    },
    cut,
    async close() {
      await Promise.all(Object.values(hubs).map((hub) => hub.close()))
      await new Promise<void>((resolve) => {
        server.close(() => resolve())
        cut()
      })
    },
  }
}
