// A hub whose streams live an hour and whose log keeps an hour: GET is the stream, POST publishes, GET /time tells its wall clock.
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { createHub, memoryLog } from "onward"
import { sse } from "onward/node"

const HOUR = 3_600_000

const hub = createHub({
  log: memoryLog({ retention: { age: HOUR } }),
  maxStreamAge: HOUR,
  heartbeat: 1_000,
  // so that who resumes reads the log
  window: { maxEntries: 0 },
})

const server = createServer((req, res) => {
  if (req.url === "/time") return void res.end(String(Date.now()))
  if (req.method === "GET") return sse(req, res, hub.subscribe({ topics: ["a"], from: "earliest" }))
  hub.publish({ topic: "a", data: "kept" }).then(
    (id) => res.end(id),
    (error: unknown) => res.writeHead(500).end(String(error)),
  )
})
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port))
process.on("disconnect", () => process.exit())
