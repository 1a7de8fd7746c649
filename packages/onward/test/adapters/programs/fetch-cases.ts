import { createHub } from "onward"
import type { Source, SseOptions } from "onward/web"

/** What the tests of runtimes and of built apps ask a server for, whichever it is written for. */
export interface FetchCases {
  /** Options of every stream. */
  readonly options: SseOptions
  /** The source by the name that is in `/stream/<name>`. */
  make(name: string | undefined, request?: Pick<Request, "text">): Source
  /** Answers what is not a stream. */
  control(request: Request): Promise<Response>
}

const HUNTER = "the password is hunter2"

export function createFetchCases(): FetchCases {
  const hub = createHub()
  const fate = { signals: 0, returns: 0, pulled: 0, cancels: 0, aborts: 0 }

  const sources: Readonly<Record<string, (request?: Pick<Request, "text">) => Source>> = {
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
    words: (request) =>
      async function* () {
        yield* ((await request?.text()) || "one two three").split(" ")
      },
    // an end, for who reads on whatever its client does
    large: () =>
      async function* () {
        for (fate.pulled = 0; fate.pulled < 64; fate.pulled++) yield "x".repeat(1_048_576)
      },
  }

  /** A body as a framework gets it from anybody: how it is told that its client has left. */
  async function plain(request: Request): Promise<Response> {
    if (request.method === "POST") await request.text()
    if (request.signal.aborted) fate.aborts++
    else request.signal.addEventListener("abort", () => fate.aborts++)
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await new Promise((resolve) => setTimeout(resolve, 5))
          controller.enqueue(new TextEncoder().encode("tick\n"))
        },
        cancel: () => void fate.cancels++,
      }),
    )
  }

  return {
    options: { cors: { origins: ["https://app.example"] } },
    make: (name, request) => (sources[name ?? ""] as (typeof sources)[string])(request),
    async control(request) {
      const { pathname } = new URL(request.url)
      if (pathname === "/publish") return Response.json(await hub.publish({ topic: "a", data: await request.text() }))
      if (pathname === "/fate") {
        const { connections, live } = hub.stats()
        return Response.json({ ...fate, connections, live })
      }
      if (pathname === "/plain") return plain(request)
      if (pathname === "/drain") {
        await hub.drain({ duration: 20 })
        return Response.json("drained")
      }
      // never says more, so that what closes silent connections is seen at work
      return new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("begun")) }),
      )
    },
  }
}
