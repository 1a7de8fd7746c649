import { createServer, type ServerResponse } from "node:http"
import { body, tokens } from "./request.ts"
import { serve } from "./serve.ts"

/** What tutorials show: a set of responses and `res.write` in a loop. No ids, no history, no heartbeat. */
const clients = new Set<ServerResponse>()
const headers = { "Content-Type": "text/event-stream", "Cache-Control": "no-cache", Connection: "keep-alive" }

serve(
  createServer(async (req, res) => {
    if (req.url === "/publish") {
      body(req, (data) => {
        for (const client of clients) client.write(`data: ${data}\n\n`)
        res.writeHead(204).end()
      })
      return
    }
    res.writeHead(200, headers)
    res.flushHeaders()
    if (req.url === "/events") {
      clients.add(res)
      req.on("close", () => clients.delete(res))
      return
    }
    for await (const token of tokens(req.url ?? "")) res.write(`data: ${token}\n\n`)
    res.end()
  }),
)
