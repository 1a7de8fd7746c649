// Several topics on one connection, kept on disk: stop this server, start it again, and each client resumes. Try:
// curl -N "http://localhost:3000?user=ada", and in another terminal curl -X POST "http://localhost:3000?user=ada"
import http from "node:http"
import { createHub, OnwardError } from "onward"
import { sse } from "onward/node"
import { sqliteLog } from "onward/sqlite"

const hub = createHub({ log: sqliteLog(process.env.FILE ?? "events.db", { retention: { age: 7 * 86_400_000 } }) })

const server = http
  .createServer(async (req, res) => {
    const user = new URLSearchParams(req.url?.split("?")[1]).get("user") ?? "guest" // your session here
    // `sse` answers an invalid topic, such as ?user=*, with 400
    if (req.method !== "POST")
      return sse(
        req,
        res,
        hub.subscribe({ topics: [`user/${user}`, "announcements"], limitKey: user, from: { last: 20 } }),
      )
    try {
      const id = await hub.publish({ topic: `user/${user}`, event: "notice", data: "Your order has shipped." })
      res.end(`${id}\n`)
    } catch (error) {
      // 400 for the client's mistakes, 503 while the store is unavailable
      res.writeHead(error instanceof OnwardError ? error.status : 500).end()
    }
  })
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy each client is told to reconnect, at a different time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration: 1_000 })
  await hub.close()
})
