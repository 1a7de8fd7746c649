// One process of a deployment: GET /events streams, POST /publish takes one message, GET /reads tells how often the log was
// read. SIGTERM drains it, as docs/production.md says to.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { sse } from "../../../src/adapters/node.ts"
import { createHub, type Message } from "../../../src/index.ts"
import { sqliteLog } from "../../../src/log/sqlite/index.ts"

const { file, duration } = JSON.parse(process.argv[2] ?? "") as { readonly file: string; readonly duration: number }
const log = sqliteLog(file, { durability: "normal" })
let reads = 0
const hub = createHub({
  log: {
    ...log,
    read(query) {
      reads++
      return log.read(query)
    },
  },
  limits: { connections: 100_000 },
})

const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url ?? "", "http://hub")
  if (pathname === "/events") return sse(req, res, hub.subscribe({ topics: searchParams.getAll("topic") }))
  if (pathname === "/reads") return void res.end(String(reads))
  let body = ""
  for await (const chunk of req.setEncoding("utf8") as AsyncIterable<string>) body += chunk
  await hub.publish(JSON.parse(body) as Message).then(
    (id) => res.end(id),
    () => res.writeHead(503).end(),
  )
})
server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 })
await once(server, "listening")
process.send?.({ port: (server.address() as AddressInfo).port })
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration })
  await hub.close()
  process.exit()
})
process.once("disconnect", () => process.exit())
