import { createHub } from "onward"
import type { Source, SseOptions } from "onward/web"

/** What the tests of runtimes ask a server for, whichever it is written for. */
export interface FetchCases {
  /** Options of every stream. */
  readonly options: SseOptions
  /** The source by the name that is in `/stream/<name>`. */
  make(name: string | undefined): Source
  /** Answers what is not a stream. */
  control(request: Request): Promise<Response>
}

const HUNTER = "the password is hunter2"

export function createFetchCases(): FetchCases {
  const hub = createHub()
  const fate = { signals: 0, returns: 0 }

  const sources: Readonly<Record<string, () => Source>> = {
    hub: () => hub.subscribe({ topics: ["a"] }),
    own: () =>
      async function* ({ signal }) {
        signal.addEventListener("abort", () => fate.signals++)
        try {
          for (;;) {
            yield "tick"
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        } finally {
          fate.returns++
        }
      },
    early: () => () => {
      throw new Error(HUNTER)
    },
    late: () =>
      async function* () {
        yield "one"
        await new Promise((resolve) => setTimeout(resolve, 5))
        throw new Error(HUNTER)
      },
  }

  return {
    options: { cors: { origins: ["https://app.example"] }, onError: () => {} },
    make: (name) => (sources[name ?? ""] as () => Source)(),
    async control(request) {
      const { pathname } = new URL(request.url)
      if (pathname === "/publish") return Response.json(await hub.publish({ topic: "a", data: await request.text() }))
      if (pathname === "/fate") return Response.json({ ...fate, connections: hub.stats().connections })
      // never says more, so that what closes silent connections is seen at work
      return new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("begun")) }),
      )
    },
  }
}
