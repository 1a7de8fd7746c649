// Express. Try: curl -N localhost:3000/events, and in another terminal: curl -d hello localhost:3000/events
import express from "express"
import { createHub } from "onward"
import { sse } from "onward/express"

const hub = createHub()
const app = express()

app.get("/events", (req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))

// an error of `publish` has a status, which Express answers with
app.post("/events", express.text({ type: "*/*" }), async (req, res) => {
  res.json({ id: await hub.publish({ topic: "news", data: req.body }) })
})

const server = app.listen(Number(process.env.PORT ?? 3000))

// on a deploy each client is told to reconnect, at a different time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration: 1_000 })
})
