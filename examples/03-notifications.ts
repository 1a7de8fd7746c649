// Several topics on one connection, kept on disk: stop this server, start it again, and every client carries on. To try it:
// curl -N "http://localhost:3000?user=ada", and in another terminal curl -X POST "http://localhost:3000?user=ada"
import http from "node:http"
import { createHub } from "onward"
import { sse } from "onward/node"
import { sqliteLog } from "onward/sqlite"

const hub = createHub({ log: sqliteLog(process.env.FILE ?? "events.db", { retention: { age: 7 * 86_400_000 } }) })

const server = http
  .createServer(async (req, res) => {
    const user = new URL(req.url ?? "/", "http://localhost").searchParams.get("user") ?? "guest" // your session here
    if (req.method === "POST") {
      const id = await hub.publish({ topic: `user/${user}`, event: "notice", data: "Your order has shipped." })
      res.end(`${id}\n`)
    } else {
      sse(req, res, hub.subscribe({ topics: [`user/${user}`, "announcements"], key: user, from: { last: 20 } }))
    }
  })
  .listen(Number(process.env.PORT ?? 3000))

// on a deploy clients are told to reconnect, each after another time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ over: 1_000 })
  await hub.close()
})
