import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { Transform } from "node:stream"
import { constants, createGzip, createZstdCompress, type Zlib } from "node:zlib"
import { createHub } from "onward"
import { sse, type ContentCoding, type SubscriptionSseOptions } from "onward/node"
import { body } from "./request.ts"
import { serve } from "./serve.ts"

interface Way {
  open(req: IncomingMessage, res: ServerResponse): void
  publish(data: string): void
}

/** A hub's stream as it is, or compressed once for all. */
function onward(options: SubscriptionSseOptions): Way {
  const hub = createHub()
  return {
    open: (req, res) => sse(req, res, hub.subscribe({ topics: ["t"] }), options),
    publish: (data) => void hub.publish({ topic: "t", data }),
  }
}

/** A custom source for each response, compressed by Onward. */
function own(prefer: ContentCoding): Way {
  const clients = new Set<ReadableStreamDefaultController<{ id: string; data: string }>>()
  let id = 0
  return {
    open(req, res) {
      let client: ReadableStreamDefaultController<{ id: string; data: string }> | undefined
      const source = new ReadableStream<{ id: string; data: string }>({
        start: (controller) => void clients.add((client = controller)),
        cancel: () => void (client && clients.delete(client)),
      })
      sse(req, res, source, { compress: { prefer } })
    },
    publish(data) {
      const message = { id: String(++id), data }
      for (const client of clients) client.enqueue(message)
    },
  }
}

/** A compressor of zlib for each response, flushed after each event: with its history kept, or as `flush()` does it unless told otherwise. */
function each(coding: ContentCoding, kind: number): Way {
  const clients = new Set<Transform & Zlib>()
  let id = 0
  return {
    open(_, res) {
      res.writeHead(200, { "Content-Type": "text/event-stream", "Content-Encoding": coding })
      const compressor = coding === "gzip" ? createGzip() : createZstdCompress()
      compressor.pipe(res)
      compressor.write(": \n\n")
      compressor.flush(kind)
      clients.add(compressor)
      res.on("close", () => clients.delete(compressor))
    },
    publish(data) {
      const text = `id: ${++id}\ndata: ${data}\n\n`
      for (const compressor of clients) {
        compressor.write(text)
        compressor.flush(kind)
      }
    },
  }
}

const ways: Record<string, () => Way> = {
  none: () => onward({}),
  "shared gzip": () => onward({ compress: { prefer: "gzip" } }),
  "shared zstd": () => onward({ compress: { prefer: "zstd" } }),
  "own gzip": () => own("gzip"),
  "own zstd": () => own("zstd"),
  "each gzip": () => each("gzip", constants.Z_SYNC_FLUSH),
  "each zstd": () => each("zstd", constants.ZSTD_e_flush),
  middleware: () => each("gzip", constants.Z_FULL_FLUSH),
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
