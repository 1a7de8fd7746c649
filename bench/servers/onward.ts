import { createServer } from "node:http"
import { createHub } from "onward"
import { sse } from "onward/node"
import { body, tokens } from "./request.ts"
import { serve } from "./serve.ts"

/** What every user gets: the memory log, the window, ids, resume and heartbeats. */
const hub = createHub()

serve(
  createServer((req, res) => {
    if (req.url === "/events") return sse(req, res, hub.subscribe({ topics: ["t"] }))
    if (req.url === "/publish") {
      return body(req, async (data) => {
        await hub.publish({ topic: "t", data })
        res.writeHead(204).end()
      })
    }
    return sse(req, res, async function* () {
      for await (const data of tokens(req.url ?? "")) yield { data }
    })
  }),
)
