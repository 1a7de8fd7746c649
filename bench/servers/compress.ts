import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { constants, createGzip, type Gzip } from "node:zlib"
import { createHub } from "onward"
import { sse } from "onward/node"
import { body } from "./request.ts"
import { serve } from "./serve.ts"

interface Way {
  open(req: IncomingMessage, res: ServerResponse): void
  publish(data: string): void
}

/** A hub's stream as it is, or compressed once for all. */
function onward(options: { compress?: "shared" }): Way {
  const hub = createHub()
  return {
    open: (req, res) => sse(req, res, hub.subscribe({ topics: ["t"] }), options),
    publish: (data) => void hub.publish({ topic: "t", data }),
  }
}

/** A deflater for each response, flushed after each event: with its history kept, or as `flush()` does it unless told otherwise. */
function each(kind: number): Way {
  const clients = new Set<Gzip>()
  let id = 0
  return {
    open(_, res) {
      res.writeHead(200, { "Content-Type": "text/event-stream", "Content-Encoding": "gzip" })
      const gzip = createGzip()
      gzip.pipe(res)
      gzip.write(": \n\n")
      gzip.flush(kind)
      clients.add(gzip)
      res.on("close", () => clients.delete(gzip))
    },
    publish(data) {
      const text = `id: ${++id}\ndata: ${data}\n\n`
      for (const gzip of clients) {
        gzip.write(text)
        gzip.flush(kind)
      }
    },
  }
}

const ways: Record<string, () => Way> = {
  none: () => onward({}),
  shared: () => onward({ compress: "shared" }),
  each: () => each(constants.Z_SYNC_FLUSH),
  middleware: () => each(constants.Z_FULL_FLUSH),
}

const way = ways[process.argv[2] ?? ""]?.()
if (!way) throw new Error(`ways: ${Object.keys(ways).join(", ")}`)

serve(
  createServer((req, res) => {
    if (req.url !== "/publish") return way.open(req, res)
    return body(req, (data) => {
      way.publish(data)
      res.writeHead(204).end()
    })
  }),
)
