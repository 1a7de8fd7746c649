// tRPC: procedures, and a resumable stream from the same server. Try: curl -N localhost:3000/events, and
// curl -H "Content-Type: application/json" -d '"hello"' localhost:3000/trpc/say
import http from "node:http"
import { initTRPC } from "@trpc/server"
import { createHTTPHandler } from "@trpc/server/adapters/standalone"
import { createHub } from "onward"
import { sse } from "onward/node"

const hub = createHub()
const { router, procedure } = initTRPC.create()

const app = router({
  say: procedure.input(String).mutation(({ input }) => hub.publish({ topic: "chat", data: input })),
})
const trpc = createHTTPHandler({ router: app, basePath: "/trpc/" })

const server = http
  .createServer((req, res) => {
    if (req.url === "/events") sse(req, res, hub.subscribe({ topics: ["chat"] }))
    else trpc(req, res)
  })
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy each client is told to reconnect, at a different time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration: 1_000 })
})
