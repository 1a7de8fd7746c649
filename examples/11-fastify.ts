// Fastify: a route with the option `sse` streams what its handler returns. Try: curl -N localhost:3000/events, and curl -d hello localhost:3000/events
import fastify from "fastify"
import { createHub } from "onward"
import { ssePlugin } from "onward/fastify"

const hub = createHub()
const app = fastify()

// on a deploy `app.close()` tells clients when to come back, each at another time
await app.register(ssePlugin, { hub, over: 1_000 })
process.once("SIGTERM", () => app.close())

app.get("/events", { sse: true }, () => hub.subscribe({ topics: ["news"] }))

app.addContentTypeParser("*", { parseAs: "string" }, (_, body, done) => done(null, body))
// what `publish` rejects with has a status, by which Fastify answers
app.post("/events", async ({ body }) => ({ id: await hub.publish({ topic: "news", data: body }) }))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
