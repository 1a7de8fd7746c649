// Express. Try: curl -N localhost:3000/events, and in another terminal: curl -d hello localhost:3000/events
import express from "express"
import { createHub } from "onward"
import { sse } from "onward/express"

const hub = createHub()
const app = express()

app.get("/events", (req, res) => sse(req, res, hub.subscribe({ topics: ["news"] })))

// what `publish` rejects with has a status, by which Express answers
app.post("/events", express.text({ type: "*/*" }), async (req, res) => {
  res.json({ id: await hub.publish({ topic: "news", data: req.body }) })
})

const server = app.listen(Number(process.env.PORT ?? 3000))

// on a deploy clients are told when to come back, each at another time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ over: 1_000 })
})
