import { createServer, type Server } from "node:http"
import type { Hub } from "onward"
import { sse } from "onward/node"
import { body, tokens } from "./request.ts"

/** Onward as its README shows it, on a hub of the caller's. */
export function onwardApp(hub: Hub): Server {
  return createServer((req, res) => {
    if (req.url === "/events") return sse(req, res, hub.subscribe({ topics: ["t"] }))
    if (req.url === "/publish") {
      return body(req, async (data) => {
        await hub.publish({ topic: "t", data })
        res.writeHead(204).end()
      })
    }
    return sse(req, res, tokens(req.url ?? ""))
  })
}
