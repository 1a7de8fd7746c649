// Request in, Response out: Bun, Deno, Cloudflare Workers, Next.js, SvelteKit, Hono and whatever else speaks fetch.
// Bun.serve(handler), Deno.serve(handler.fetch), or export it as your framework wants.
import { createHub } from "onward"
import { sse } from "onward/web"

const hub = createHub()

export const handler = {
  async fetch(request: Request): Promise<Response> {
    if (request.method === "GET") return sse(request, hub.subscribe({ topics: ["chat"], from: "earliest" }))
    const id = await hub.publish({ topic: "chat", data: await request.text() })
    return Response.json({ id })
  },
}
