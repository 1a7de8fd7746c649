// A live feed: everyone on a topic, resumable. Try: curl -N http://localhost:3000
import http from "node:http"
import { createHub } from "onward"
import { sse } from "onward/node"

const hub = createHub()

const server = http
  .createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))
  .listen(Number(process.env.PORT ?? 3000))

setInterval(() => {
  // a store that is away for a moment must not end the process
  hub.publish({ topic: "news", event: "tick", data: { at: new Date() } }).catch(console.error)
}, 1000)

// on a deploy clients are told to reconnect, each after another time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ over: 1_000 })
  process.exit()
})
