// In workerd: a Durable Object serves the cases, and at `/plain/…` the Worker itself does.
import { sse } from "onward/web"
import { createFetchCases, type FetchCases } from "./fetch-cases.ts"

interface Env {
  readonly FEED: { getByName(name: string): { fetch(request: Request): Promise<Response> } }
}

function serve(cases: FetchCases, request: Request, path: string): Response | Promise<Response> {
  if (!path.startsWith("/stream/")) return cases.control(request)
  return sse(request, cases.make(path.slice("/stream/".length)), cases.options)
}

/** One for everybody, wherever in the world they ask from: so it can hold what they share. */
export class Feed {
  readonly #cases = createFetchCases()

  fetch(request: Request): Response | Promise<Response> {
    return serve(this.#cases, request, new URL(request.url).pathname)
  }
}

const shared = createFetchCases()

// oxlint-disable-next-line no-default-export -- what workerd calls
export default {
  fetch(request: Request, env: Env): Response | Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname.startsWith("/plain/"))
      return serve(shared, new Request(new URL(url.pathname.slice(6), url), request), url.pathname.slice(6))
    return env.FEED.getByName("feed").fetch(request)
  },
}
