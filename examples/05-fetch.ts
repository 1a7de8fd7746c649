// Request in, Response out: Bun, Deno, Cloudflare Workers, Next.js, SvelteKit, Hono and every other runtime with fetch handlers.
// Bun.serve(handler), Deno.serve(handler.fetch), or the export that your framework expects.
import { createHub, OnwardError } from "onward"
import { sse } from "onward/web"

const hub = createHub()

export const handler = {
  async fetch(request: Request): Promise<Response> {
    if (request.method === "GET") return sse(request, hub.subscribe({ topics: ["chat"], from: "earliest" }))
    try {
      return Response.json({ id: await hub.publish({ topic: "chat", data: await request.text() }) })
    } catch (error) {
      // 413 for a large body, 503 while the store is unavailable
      return new Response(null, { status: error instanceof OnwardError ? error.status : 500 })
    }
  },
}
