// Hono, here on Node; `app.fetch` also runs on Bun and Deno. Try: curl -N localhost:3000/events, and curl -d hello localhost:3000/events
import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { createHub, OnwardError } from "onward"
import { sse } from "onward/hono"

const hub = createHub()
const app = new Hono()

app.get("/events", (c) => sse(c, hub.subscribe({ topics: ["news"] })))

app.post("/events", async (c) => c.json({ id: await hub.publish({ topic: "news", data: await c.req.text() }) }))

// 413 for a large body, 503 while the store is unavailable
app.onError((error) => new Response(null, { status: error instanceof OnwardError ? error.status : 500 }))

const server = serve({ fetch: app.fetch, port: Number(process.env.PORT ?? 3000) })

// on a deploy each client is told to reconnect, at a different time
process.once("SIGTERM", async () => {
  server.close()
  await hub.drain({ duration: 1_000 })
})
