// oRPC: procedures, and a resumable stream from the same server. Try: npm install, npm start, then
// curl -N localhost:3000/events, and curl -H "Content-Type: application/json" -d '{"json":"hello"}' localhost:3000/rpc/say
import http from "node:http"
import { os, type } from "@orpc/server"
import { RPCHandler } from "@orpc/server/node"
import { createHub } from "onward"
import { sse } from "onward/node"

const hub = createHub()

const router = {
  say: os
    .input(type<string>())
    .handler(async ({ input }) => ({ id: await hub.publish({ topic: "news", data: input }) })),
}
const rpc = new RPCHandler(router)

const server = http
  .createServer(async (req, res) => {
    if (req.url?.startsWith("/events")) return sse(req, res, hub.subscribe({ topics: ["news"] }))
    try {
      const { matched } = await rpc.handle(req, res, { prefix: "/rpc" })
      if (!matched) res.writeHead(404).end()
    } catch {
      // the request's target is not a URL
      res.writeHead(400).end()
    }
  })
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy each client is told to reconnect, at a different time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ over: 1_000 })
})
