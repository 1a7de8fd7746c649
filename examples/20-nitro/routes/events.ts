// Nitro. Try: npm install, npm run build, npm start, then curl -N localhost:3000/events, and in another terminal:
// curl -d '"hello"' localhost:3000/events
import { defineHandler } from "nitro/h3"
import { createHub, OnwardError, type Hub } from "onward"
import { sse } from "onward/h3"

// one hub, although development servers load this module again when it changes
const globals = globalThis as { hub?: Hub }
const hub = (globals.hub ??= open())

// the server waits for open streams: on a deploy they end, and each client is told to reconnect, at a different time
function open(): Hub {
  const hub = createHub()
  process.once("SIGTERM", () => void hub.drain({ over: 1_000 }))
  return hub
}

// oxlint-disable-next-line no-default-export -- Nitro reads it
export default defineHandler(async (event) => {
  if (event.req.method !== "POST") return sse(event, hub.subscribe({ topics: ["news"] }))
  try {
    return { id: await hub.publish({ topic: "news", data: await event.req.json() }) }
  } catch (error) {
    // 413 for a large body, 503 while the store is unavailable, 400 for invalid JSON
    return new Response(null, { status: error instanceof OnwardError ? error.status : 400 })
  }
})
