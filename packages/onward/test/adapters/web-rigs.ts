import http from "node:http"
import { Readable } from "node:stream"
import { sse } from "onward/web"
import { http1 } from "./clients.ts"
import { Exchange } from "./exchange.ts"
import { responseOf, run, type Client, type Handler, type Rig, type Running } from "./rig.ts"

/** What frameworks do to run a fetch-style handler on Node. */
const bridged =
  (handle: Handler): http.RequestListener =>
  async (req, res) => {
    const gone = new AbortController()
    res.on("close", () => gone.abort())
    const body = req.method === "GET" || req.method === "HEAD" ? null : (Readable.toWeb(req) as ReadableStream)
    const headers = Object.entries(req.headers).map(([name, value]): [string, string] => [name, String(value)])
    const { method = "GET" } = req
    const init = { method, headers, body, signal: gone.signal, duplex: "half" }
    const request = new Request(`http://localhost${req.url}`, init)
    const response = await respond(handle, request)
    res.writeHead(response.status, Object.fromEntries(response.headers)).flushHeaders()
    if (response.body)
      Readable.fromWeb(response.body as never)
        .on("error", () => res.destroy())
        .pipe(res)
    else res.end()
  }

const respond = (handle: Handler, request: Request): Promise<Response> =>
  responseOf(
    handle,
    (source, options) => sse(request, source, options),
    () => request.text(),
  )

const ask = async (
  handle: Handler,
  open: Set<AbortController>,
  { method = "GET", path = "/", headers = {}, body, reads = true }: Parameters<Client["ask"]>[1],
): Promise<Exchange> => {
  const gone = new AbortController()
  open.add(gone)
  const init = { method, headers: { ...headers }, signal: gone.signal, ...(body !== undefined && { body }) }
  const response = await respond(handle, new Request(`http://localhost${path}`, init))
  const reader = response.body?.getReader()
  const exchange = new Exchange(response.status, Object.fromEntries(response.headers), {
    read: () => void pump(exchange, reader),
    leaveBy: {
      "cancelling the body": () => void reader?.cancel(),
      "aborting the request": () => gone.abort(),
      "cancelling and aborting": () => {
        void reader?.cancel()
        gone.abort()
      },
    },
  })
  if (reads) exchange.read()
  return exchange
}

/** A fetch-style handler called as runtimes call it. */
async function openWeb(handle: Handler): Promise<Running> {
  const open = new Set<AbortController>()
  return {
    ask: (asked = {}) => ask(handle, open, asked),
    async close() {
      for (const gone of open) gone.abort()
    },
  }
}

async function pump(exchange: Exchange, reader: ReadableStreamDefaultReader<Uint8Array> | undefined): Promise<void> {
  try {
    for (let result = await reader?.read(); result && !result.done; result = await reader?.read())
      exchange.push(result.value)
    exchange.finish("ended")
  } catch {
    exchange.finish("cut")
  }
}

const inProcess: Client = {
  isHttp2: false,
  ways: ["cancelling the body", "aborting the request", "cancelling and aborting"],
  ask: () => Promise.reject(new Error("it has no port")),
}

/** A fetch-style handler called directly, and on Node. */
export const webRigs: readonly Rig[] = [
  { name: "web", entry: "onward/web", client: inProcess, isNode: false, open: openWeb },
  {
    name: "web on node:http",
    entry: "onward/web",
    client: http1,
    isNode: false,
    open: (handle) => run(http.createServer(bridged(handle)), http1),
  },
]
