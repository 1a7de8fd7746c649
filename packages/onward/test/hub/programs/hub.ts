// One hub of several: POST /publish takes one message, GET /events streams, GET /presence tells who is on a topic.
// SIGTERM drains it, as docs/production.md says to.
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { json } from "node:stream/consumers"
import { sse } from "../../../src/adapters/node.ts"
import { createHub, type Message } from "../../../src/index.ts"
import { openLog, type LogAddress } from "../../chaos/open-log.ts"

const log = await openLog(JSON.parse(process.argv[2] ?? "") as LogAddress)
const hub = createHub({ log, presence: { patterns: ["room/*"], interval: 50, grace: 0 } })

const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url ?? "", "http://hub")
  if (pathname === "/presence") return void res.end(JSON.stringify(hub.presence.of(searchParams.get("topic") ?? "")))
  if (pathname === "/publish") {
    const message = (await json(req)) as Message
    return void hub.publish(message).then(
      (id) => res.end(id),
      () => res.writeHead(503).end(),
    )
  }
  const topics = searchParams.getAll("topic")
  const patterns = searchParams.getAll("pattern")
  const who = searchParams.get("userId")
  sse(req, res, hub.subscribe({ topics, patterns, from: "earliest", ...(who !== null && { userId: who }) }))
})
server.listen(0, "127.0.0.1")
await once(server, "listening")
process.send?.({ port: (server.address() as AddressInfo).port })
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration: 200 })
  await hub.close()
  process.exit()
})
process.once("disconnect", () => process.exit())
