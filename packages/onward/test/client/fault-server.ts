import { once } from "node:events"
import { createServer, type AddressInfo, type Server, type Socket } from "node:net"
import type { TestContext } from "node:test"
import { systemClock, type Clock } from "../../src/clock.ts"
import { eventually } from "../adapters/exchange.ts"
import { FaultExchange } from "./fault-exchange.ts"
import { readRequests, type FaultRequest, type ReceivedRequest } from "./fault-request.ts"

export interface FaultServerOptions {
  /** Lets pages of other origins in: allows them and their headers, and answers their preflights. @default false */
  readonly cors?: boolean
  /** For `FaultExchange.wait`, and the times of requests. @default the machine's */
  readonly clock?: Clock
}

/** An HTTP/1.1 server made of sockets, so that every byte of it can be wrong, and at two origins, so that it can redirect. */
export interface FaultServer extends AsyncDisposable {
  /** With a slash at its end. */
  readonly url: string
  /** The same answers at another origin. */
  readonly otherUrl: string
  /** All there were, to both origins, without preflights. */
  readonly requests: readonly FaultRequest[]
  readonly preflights: readonly FaultRequest[]
  /** The request of that index, once it came. */
  request(index: number): Promise<FaultRequest>
  /** Ends it and its connections; rejects with what an answer threw. */
  readonly close: () => Promise<void>
}

/**
 * Starts one. `answer` is called with each request; what it throws makes `close` reject.
 *
 * @example
 * const server = await serveFaults(t, async (exchange) => {
 *   await exchange.open()
 *   await exchange.write("id: 1\ndata: a\n\ndata: lo")
 *   exchange.reset()
 * })
 */
export async function createFaultServer(
  answer: (exchange: FaultExchange) => void | Promise<void>,
  { cors = false, clock = systemClock }: FaultServerOptions = {},
): Promise<FaultServer> {
  const requests: FaultRequest[] = []
  const preflights: FaultRequest[] = []
  const sockets = new Set<Socket>()
  const failures: unknown[] = []
  // with half-open connections, ours to close, `cut` can be told from a full close
  const servers = [1, 2].map(() => createServer({ allowHalfOpen: true, noDelay: true }))
  const urls: string[] = []

  async function serve(socket: Socket, url: string, otherUrl: string): Promise<void> {
    sockets.add(socket)
    let closedAt: number | undefined
    const closed = new Promise<void>((resolve) => {
      socket.on("close", () => {
        closedAt = clock.now()
        sockets.delete(socket)
        resolve()
      })
    })
    socket.on("error", () => {}) // a client that resets is the rule here
    socket.on("end", () => socket.destroy()) // no client sends less and still listens
    for await (const received of readRequests(socket)) {
      const request = record(received, url, closed, () => closedAt)
      const headers = cors ? corsHeaders(request) : {}
      const isPreflight = cors && request.method === "OPTIONS"
      const index = (isPreflight ? preflights : requests).push(request) - 1
      const exchange = new FaultExchange(socket, { request, index, otherUrl, clock, headers })
      if (isPreflight) {
        await exchange.head(204)
        await exchange.end()
      } else await answer(exchange)
      await Promise.race([exchange.complete, closed])
    }
  }

  const record = (
    received: ReceivedRequest,
    url: string,
    closed: Promise<void>,
    closedAt: () => number | undefined,
  ): FaultRequest => ({
    ...received,
    origin: new URL(url).origin,
    at: clock.now(),
    closed,
    get closedAt() {
      return closedAt()
    },
  })

  for (const server of servers) urls.push(await listen(server))
  for (const [i, server] of servers.entries()) {
    server.on("connection", (socket: Socket) => {
      serve(socket, urls[i] as string, urls[1 - i] as string).catch((error: unknown) => {
        failures.push(error)
        socket.destroy()
      })
    })
  }

  async function close(): Promise<void> {
    for (const server of servers) server.close()
    for (const socket of sockets) socket.destroy()
    if (failures.length > 0) throw failures[0]
  }

  return {
    url: urls[0] as string,
    otherUrl: urls[1] as string,
    requests,
    preflights,
    async request(index) {
      await eventually(`request ${index}, after ${requests.length}`, () => requests.length > index)
      return requests[index] as FaultRequest
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The same, closed after the test: Node 22 knows no `await using`. */
export async function serveFaults(
  t: TestContext,
  answer: (exchange: FaultExchange) => void | Promise<void>,
  options?: FaultServerOptions,
): Promise<FaultServer> {
  const server = await createFaultServer(answer, options)
  t.after(server.close)
  return server
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** All a page may ask for, with credentials and so without wildcards (Fetch section 3.3.3). */
const corsHeaders = ({ headers }: FaultRequest): Record<string, string> => ({
  "access-control-allow-origin": headers["origin"] ?? "*",
  "access-control-allow-credentials": "true",
  "access-control-allow-methods": headers["access-control-request-method"] ?? "GET",
  "access-control-allow-headers": headers["access-control-request-headers"] ?? "",
  "access-control-expose-headers": "retry-after",
})
