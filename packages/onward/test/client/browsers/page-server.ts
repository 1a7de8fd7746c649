import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { once } from "node:events"
import type { TestContext } from "node:test"
import { sse } from "../../../src/adapters/node.ts"
import { createHub } from "../../../src/hub/index.ts"
import { bundle } from "./bundle.ts"

export type Listener = (req: IncomingMessage, res: ServerResponse) => void

/** One request for the numbered events. */
export interface StreamRequest {
  readonly lastEventId: string | undefined
  /** What the query says of who asks. */
  readonly tab: string | null
  readonly isOpen: boolean
}

/** A web site of its own origin: a blank page with the library, and a hub with numbered events. */
export interface PageServer {
  /** Without a slash at its end. */
  readonly origin: string
  /** A blank page whose scripts have `onward` and `page`; with a content security policy when given. */
  pageUrl(policy?: string): string
  /** Answers another path. */
  on(path: string, listener: Listener): void
  /** Publishes the next `count` of the numbers 1, 2, 3, …, as `/events` has them. */
  publish(count: number): Promise<void>
  /** The last number that was published. */
  readonly published: number
  /** Requests for `/events`, in order. */
  readonly requests: readonly StreamRequest[]
  /** Streams of `/events` that are open. */
  readonly open: readonly StreamRequest[]
  /** Most that were open at one time. */
  readonly most: number
  /** Cuts every open stream of `/events`. */
  cut(): void
  /** Whether the site can be reached; while not, it takes connections and cuts them, as does a network that goes. */
  isReachable: boolean
}

const PAGE = `<!doctype html>
<title>Onward</title>
<link rel="icon" href="data:," />
<script type="module" src="/test/client/browsers/in-page/globals.ts"></script>
`

/** The modules a page may have, under the paths they have in this package. */
const MODULE = /^\/(?:src|test\/client)\/[\w/-]+\.ts$/
const packageRoot = new URL("../../../", import.meta.url)

/** Starts one on a free port; it ends with the test. */
export async function servePage(t: Pick<TestContext, "after">): Promise<PageServer> {
  const hub = createHub()
  const listeners = new Map<string, Listener>()
  const sockets = new Set<Socket>()
  const requests: (StreamRequest & { isOpen: boolean; readonly socket: Socket })[] = []
  let published = 0
  let most = 0

  const streams = () => requests.filter(({ isOpen }) => isOpen)

  function stream(req: IncomingMessage, res: ServerResponse, tab: string | null): void {
    const request = { lastEventId: req.headers["last-event-id"]?.toString(), tab, isOpen: true, socket: req.socket }
    requests.push(request)
    most = Math.max(most, streams().length)
    res.on("close", () => (request.isOpen = false))
    sse(req, res, hub.subscribe({ topics: ["numbers"], from: "earliest" }))
  }

  const server = createServer((req, res) => {
    if (!site.isReachable) return void req.socket.destroy()
    const { pathname, searchParams } = new URL(req.url ?? "", "http://localhost")
    const listener = listeners.get(pathname)
    if (listener) listener(req, res)
    else if (pathname === "/") sendPage(res, searchParams.get("policy"))
    else if (pathname === "/events") stream(req, res, searchParams.get("tab"))
    else if (MODULE.test(pathname)) void sendModule(res, new URL(`.${pathname}`, packageRoot))
    else res.writeHead(404).end()
  })
  server.on("connection", (socket) => {
    sockets.add(socket)
    socket.on("close", () => sockets.delete(socket))
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await hub.close()
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  const site: PageServer = {
    origin,
    pageUrl: (policy) => `${origin}/${policy === undefined ? "" : `?${new URLSearchParams({ policy })}`}`,
    on: (path, listener) => void listeners.set(path, listener),
    async publish(count) {
      const messages = Array.from({ length: count }, () => ({ topic: "numbers", data: ++published }))
      await hub.publishMany(messages)
    },
    get published() {
      return published
    },
    requests,
    get open() {
      return streams()
    },
    get most() {
      return most
    },
    cut() {
      for (const { socket } of streams()) socket.destroy()
    },
    isReachable: true,
  }
  return site
}

function sendPage(res: ServerResponse, policy: string | null): void {
  if (policy !== null) res.setHeader("content-security-policy", policy)
  res.setHeader("content-type", "text/html").end(PAGE)
}

async function sendModule(res: ServerResponse, file: URL): Promise<void> {
  const script = await bundle(file).catch(() => undefined)
  if (script === undefined) return void res.writeHead(404).end()
  res.setHeader("service-worker-allowed", "/")
  // a page in a sandbox has an origin of its own
  res.setHeader("access-control-allow-origin", "*")
  res.setHeader("content-type", "text/javascript").end(script)
}
