import { createHub } from "onward"
import { sse } from "onward/web"

/** A hub behind `fetch`-style requests: POST publishes the body, `/stats` tells how the hub stands, all else is the stream, from its beginning. */
export function createHandler(): (request: Request) => Promise<Response> {
  // workerd tells that a client left only when something is written to it
  const hub = createHub({ heartbeat: 500 })
  return async (request) => {
    if (request.method === "POST")
      return new Response(await hub.publish({ topic: "numbers", data: await request.text() }))
    if (new URL(request.url).pathname === "/stats") return Response.json(hub.stats())
    return sse(request, hub.subscribe({ topics: ["numbers"], from: "earliest" }))
  }
}
