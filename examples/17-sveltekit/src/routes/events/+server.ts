// SvelteKit. Try: npm install, npm run build, npm start, then curl -N localhost:3000/events, and in another terminal:
// curl -H "Content-Type: application/json" -d '"hello"' localhost:3000/events
import { createHub, OnwardError, type Hub } from "onward"
import { sse } from "onward/web"

// one hub, although development servers load this module again when it changes
const globals = globalThis as { hub?: Hub }
const hub = (globals.hub ??= open())

// the server waits for open streams: on a deploy they end, and each client is told to reconnect, at a different time
function open(): Hub {
  const hub = createHub()
  process.once("SIGTERM", () => void hub.drain({ duration: 1_000 }))
  return hub
}

export function GET({ request }: { request: Request }): Promise<Response> {
  return sse(request, hub.subscribe({ topics: ["news"] }))
}

export async function POST({ request }: { request: Request }): Promise<Response> {
  try {
    return Response.json({ id: await hub.publish({ topic: "news", data: await request.json() }) })
  } catch (error) {
    // 413 for a large body, 503 while the store is unavailable, 400 for invalid JSON
    return new Response(null, { status: error instanceof OnwardError ? error.status : 400 })
  }
}
