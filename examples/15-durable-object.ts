// Cloudflare Workers: a Worker cannot write to the response of another request, so a Durable Object holds the hub that clients share.
// Its binding is FEED, its class Feed. Your own source needs no Durable Object: return `sse(request, source)` from the Worker.
import { createHub, OnwardError } from "onward"
import { sse } from "onward/web"

interface Env {
  readonly FEED: { getByName(name: string): { fetch(request: Request): Promise<Response> } }
}

/** One for each feed, wherever its clients are. */
export class Feed {
  readonly #hub = createHub()

  async fetch(request: Request): Promise<Response> {
    if (request.method !== "POST") return sse(request, this.#hub.subscribe({ topics: ["news"] }))
    try {
      return Response.json({ id: await this.#hub.publish({ topic: "news", data: await request.text() }) })
    } catch (error) {
      // 413 for a large body
      return new Response(null, { status: error instanceof OnwardError ? error.status : 500 })
    }
  }
}

// oxlint-disable-next-line no-default-export -- Workers call it
export default {
  // authorize the request before this
  fetch: (request: Request, env: Env): Promise<Response> =>
    env.FEED.getByName(new URL(request.url).pathname).fetch(request),
}
