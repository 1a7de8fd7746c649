// A route that the tests add to Next.js and SvelteKit: a source that says when its client has left.
import { sse } from "onward/web"

const fate = (globalThis.fate ??= { signals: 0, returns: 0 })

const own = async function* ({ signal }) {
  signal.addEventListener("abort", () => fate.signals++)
  try {
    for (;;) {
      yield "tick"
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  } finally {
    fate.returns++
  }
}

/** Next.js hands over the request, SvelteKit an event that has it. */
export function GET(given) {
  const request = given.request ?? given
  return new URL(request.url).searchParams.has("fate") ? Response.json(fate) : sse(request, own)
}
