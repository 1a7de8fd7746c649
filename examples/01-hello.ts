// A live feed: all clients of a topic, resumable. Try: curl -N http://localhost:3000
import http from "node:http"
import { createHub } from "onward"
import { sse } from "onward/node"

const hub = createHub()

const server = http
  .createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))
  .listen(Number(process.env.PORT ?? 3000))

setInterval(() => {
  // an unavailable store must not end the process
  hub.publish({ topic: "news", event: "tick", data: { at: new Date() } }).catch(console.error)
}, 1000)

// on a deploy each client is told to reconnect, at a different time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration: 1_000 })
  process.exit()
})
