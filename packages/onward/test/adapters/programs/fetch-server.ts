// A server on Bun or Deno, whichever runs this, with the framework named in the first argument; it prints its port.
import { H3, serve } from "h3"
import { Hono } from "hono"
import { createHub } from "onward"
import { sse as h3Sse } from "onward/h3"
import { sse as honoSse } from "onward/hono"
import { sse as webSse, type Source, type SseOptions } from "onward/web"

/** What is touched of the two runtimes. */
interface Server {
  readonly port: number
  timeout(request: Request, seconds: number): void
}
type Fetch = (request: Request, server: Server) => Response | Promise<Response>
interface Address {
  readonly port: number
  readonly hostname: string
}
declare const Bun: { serve(options: Address & { idleTimeout: number; fetch: Fetch }): Server } | undefined
declare const Deno: { serve(options: Address & { onListen(at: Address): void }, fetch: Fetch): void }

const AT = { port: 0, hostname: "127.0.0.1" }
/** In seconds, the least Bun has: what is silent for longer is closed, unless it was exempted. */
const IDLE = 1

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
    throw new Error("the password is hunter2")
  },
  late: () =>
    async function* () {
      yield "one"
      await new Promise((resolve) => setTimeout(resolve, 5))
      throw new Error("the password is hunter2")
    },
}

const make = (name: string | undefined): Source => (sources[name ?? ""] as () => Source)()
const options: SseOptions = { cors: { origins: ["https://app.example"] }, onError: () => {} }

/** What the test asks besides. */
async function control(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (pathname === "/publish") return Response.json(await hub.publish({ topic: "a", data: await request.text() }))
  if (pathname === "/fate") return Response.json({ ...fate, connections: hub.stats().connections })
  // never says more, so that what closes silent connections is seen at work
  return new Response(
    new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("begun")) }),
  )
}

const say = ({ port }: { readonly port: number }): void => console.log(port)

function serveFetch(fetch: Fetch): void {
  if (typeof Bun === "undefined") Deno.serve({ ...AT, onListen: say }, fetch)
  else say(Bun.serve({ ...AT, idleTimeout: IDLE, fetch }))
}

const frameworks: Readonly<Record<string, () => void | Promise<void>>> = {
  web: () =>
    serveFetch((request, server) => {
      const { pathname } = new URL(request.url)
      if (!pathname.startsWith("/stream/")) return control(request)
      if (typeof Bun !== "undefined") server.timeout(request, 0)
      return webSse(request, make(pathname.slice("/stream/".length)), options)
    }),
  hono() {
    const app = new Hono()
    app.all("/stream/:name", (c) => honoSse(c, make(c.req.param("name")), options))
    app.all("*", (c) => control(c.req.raw))
    serveFetch(app.fetch)
  },
  async h3() {
    const app = new H3()
    app.all("/stream/:name", (event) => h3Sse(event, make(event.context.params?.name), options))
    app.all("/**", (event) => control(event.req))
    const server = serve(app, { ...AT, silent: true, bun: { idleTimeout: IDLE } })
    await server.ready()
    say({ port: Number(new URL(server.url ?? "").port) })
  },
}

await frameworks[process.argv[2] ?? ""]?.()
