import { createServer } from "node:http"
import type { Socket } from "node:net"
import { body, tokens } from "./request.ts"
import { serve } from "./serve.ts"

/** The yardstick: the whole HTTP chunk is made once and written to the socket below each response, one write an event. */
const clients = new Set<Socket>()
const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" }

function chunk(data: string): Buffer {
  const text = `data: ${data}\n\n`
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
}

serve(
  createServer(async (req, res) => {
    if (req.url === "/publish") {
      body(req, (data) => {
        const bytes = chunk(data)
        for (const client of clients) client.write(bytes)
        res.writeHead(204).end()
      })
      return
    }
    const { socket } = req
    res.writeHead(200, headers)
    res.flushHeaders()
    if (req.url === "/events") {
      clients.add(socket)
      socket.on("close", () => clients.delete(socket))
      return
    }
    for await (const token of tokens(req.url ?? "")) socket.write(chunk(token))
    res.end()
  }),
)
