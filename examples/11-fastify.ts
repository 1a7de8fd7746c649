// Fastify: a route with the option `sse` streams the source that its handler returns. Try: curl -N localhost:3000/events, and curl -d hello localhost:3000/events
import fastify from "fastify"
import { createHub } from "onward"
import { ssePlugin } from "onward/fastify"

const hub = createHub()
const app = fastify()

// on a deploy `app.close()` tells each client to reconnect, at a different time
await app.register(ssePlugin, { hub, duration: 1_000 })
process.once("SIGTERM", () => app.close())

app.get("/events", { sse: true }, () => hub.subscribe({ topics: ["news"] }))

app.addContentTypeParser("*", { parseAs: "string" }, (_, body, done) => done(null, body))
// an error of `publish` has a status, which Fastify answers with
app.post("/events", async ({ body }) => ({ id: await hub.publish({ topic: "news", data: body }) }))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
