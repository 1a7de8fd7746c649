import { createServer } from "node:http"
import { createChannel, createSession } from "better-sse"
import { body, tokens } from "./request.ts"
import { serve } from "./serve.ts"

const channel = createChannel()

serve(
  createServer(async (req, res) => {
    if (req.url === "/publish") {
      body(req, (data) => {
        channel.broadcast(JSON.parse(data))
        res.writeHead(204).end()
      })
      return
    }
    const session = await createSession(req, res)
    if (req.url === "/events") {
      channel.register(session)
      return
    }
    for await (const token of tokens(req.url ?? "")) session.push(JSON.parse(token))
    res.end()
  }),
)
