// Astro. Try: npm install, npm run build, npm start, then curl -N localhost:8080/events, and in another terminal:
// curl -H "Content-Type: application/json" -d '"hello"' localhost:8080/events
import type { APIRoute } from "astro"
import { createHub, OnwardError, type Hub } from "onward"
import { sse } from "onward/web"

// one hub, although development servers load this module again when it changes
const globals = globalThis as { hub?: Hub }
const hub = (globals.hub ??= open())

// on a deploy each client is told to reconnect, at a different time; Astro's server does not handle the signal, so this ends it too
function open(): Hub {
  const hub = createHub()
  process.once("SIGTERM", () => void hub.drain({ over: 1_000 }).finally(() => process.exit()))
  return hub
}

export const prerender = false

export const GET: APIRoute = ({ request }) => sse(request, hub.subscribe({ topics: ["news"] }))

export const POST: APIRoute = async ({ request }) => {
  try {
    return Response.json({ id: await hub.publish({ topic: "news", data: await request.json() }) })
  } catch (error) {
    // 413 for a large body, 503 while the store is unavailable, 400 for invalid JSON
    return new Response(null, { status: error instanceof OnwardError ? error.status : 400 })
  }
}
