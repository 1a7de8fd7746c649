// A server of `runtimes.ts`, on Bun or Deno, whichever runs this: `serve.ts <way>`. It prints its port.
import { createHub } from "onward"
import { sse } from "onward/web"
import { say } from "../servers/collect.ts"

/** What is used of the two runtimes. */
type Fetch = (request: Request) => Response | Promise<Response>
interface Address {
  readonly port: number
  readonly hostname: string
}
interface Bun {
  serve(options: Address & { idleTimeout: number; fetch: Fetch }): Address
}
interface Deno {
  serve(options: Address & { onListen(at: Address): void }, fetch: Fetch): void
}
const { Bun, Deno } = globalThis as { readonly Bun?: Bun; readonly Deno?: Deno }

/** Opens a stream, and sends an event to all streams. */
interface Way {
  open: Fetch
  publish(data: string): void | Promise<unknown>
}

const encoder = new TextEncoder()
const headers = { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-store" }
const opening = encoder.encode(": heartbeat 15000\n\n")
const epoch = `0${Math.floor(Date.now() / 1000).toString(36)}~`
let events = 0

/** As long as an event of a hub, id included. */
const event = (data: string): Uint8Array => encoder.encode(`id: ${epoch}${++events}\ndata: ${data}\n\n`)

function onward(): Way {
  const hub = createHub()
  return {
    open: (request) => sse(request, hub.subscribe({ topics: ["t"] })),
    publish: (data) => hub.publish({ topic: "t", data }),
  }
}

/** What tutorials show, with the bytes encoded once: a set of controllers. */
function stream(): Way {
  const clients = new Set<ReadableStreamDefaultController<Uint8Array>>()
  return {
    open() {
      let client: ReadableStreamDefaultController<Uint8Array>
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          client = controller
          clients.add(client)
          client.enqueue(opening)
        },
        cancel: () => void clients.delete(client),
      })
      return new Response(body, { headers })
    },
    publish(data) {
      const bytes = event(data)
      for (const client of clients) client.enqueue(bytes)
    },
  }
}

/** What Bun documents for streams that copy nothing. */
interface DirectController {
  write(bytes: Uint8Array): number | Promise<number>
  flush(): void
}

function direct(): Way {
  const clients = new Set<DirectController>()
  return {
    open() {
      let client: DirectController
      const source = {
        type: "direct",
        pull(controller: DirectController) {
          client = controller
          clients.add(client)
          void client.write(opening)
          client.flush()
          // the stream ends when this is settled
          return new Promise<void>(() => {})
        },
        cancel: () => void clients.delete(client),
      }
      return new Response(new ReadableStream(source as unknown as UnderlyingDefaultSource<Uint8Array>), { headers })
    },
    publish(data) {
      const bytes = event(data)
      for (const client of clients) {
        void client.write(bytes)
        client.flush()
      }
    },
  }
}

const ways: Readonly<Record<string, () => Way>> = { onward, stream, direct }
const way = ways[process.argv[2] ?? ""]?.()
if (!way) throw new Error(`ways: ${Object.keys(ways).join(", ")}`)

async function answer(request: Request): Promise<Response> {
  if (request.method !== "POST") return (way as Way).open(request)
  await (way as Way).publish(await request.text())
  return new Response(null, { status: 204 })
}

const at = { port: 0, hostname: "127.0.0.1" }
if (Bun) say({ port: Bun.serve({ ...at, idleTimeout: 0, fetch: answer }).port })
else Deno?.serve({ ...at, onListen: ({ port }) => say({ port }) }, answer)
