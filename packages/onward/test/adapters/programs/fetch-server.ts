// A server on Bun or Deno, whichever runs this, with the framework named in the first argument; it prints its port.
import { H3, serve } from "h3"
import { Hono } from "hono"
import { sse as h3Sse } from "onward/h3"
import { sse as honoSse } from "onward/hono"
import { sse as webSse } from "onward/web"
import { createFetchCases } from "./fetch-cases.ts"

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

const { options, make, control } = createFetchCases()

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
