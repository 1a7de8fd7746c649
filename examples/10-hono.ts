// Hono, here on Node; `app.fetch` runs on Bun and Deno as well. Try: curl -N localhost:3000/events, and curl -d hello localhost:3000/events
import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { createHub } from "onward"
import { sse } from "onward/hono"

const hub = createHub()
const app = new Hono()

app.get("/events", (c) => sse(c, hub.subscribe({ topics: ["news"] })))

app.post("/events", async (c) => c.json({ id: await hub.publish({ topic: "news", data: await c.req.text() }) }))

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) })

// on a deploy clients are told when to come back, each at another time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ over: 1_000 })
})
