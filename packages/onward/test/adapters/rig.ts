import type { AddressInfo, Server, Socket } from "node:net"
import type { Source, SseOptions } from "onward/node"
import type { Exchange } from "./exchange.ts"

/** A request as a test makes it. */
export interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** False: the client reads the head only, until `exchange.read()`. @default true */
  readonly reads?: boolean
}

/** A request as a test's handler sees it. */
export interface Handling {
  sse(source: Source, options?: SseOptions): void
  body(): Promise<string>
}

export type Handler = (handling: Handling) => void | Promise<void>

export interface Running {
  ask(asked?: Asked): Promise<Exchange>
  close(): Promise<void>
}

/** One way for an event stream to reach a client. */
export interface Rig {
  readonly name: string
  /** The entry it proves. */
  readonly entry: string
  readonly client: Client
  /** Whether bytes go out through a response of Node's own, not through a fetch Response. */
  readonly isNode: boolean
  open(handle: Handler): Promise<Running>
}

/** How a rig's clients speak to it. */
export interface Client {
  readonly isHttp2: boolean
  /** How they can leave: the names in `Exchange.leaveBy`. */
  readonly ways: readonly string[]
  ask(port: number, asked: Asked): Promise<Exchange>
}

/** Serves with `server`, and stops it with all that is connected. */
export async function run(server: Server, { ask }: Client): Promise<Running> {
  const sockets = new Set<Socket>()
  for (const event of ["connection", "secureConnection"]) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => sockets.delete(socket))
    })
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const { port } = server.address() as AddressInfo
  return {
    // some frameworks read only bodies that say what they are
    ask: ({ headers, ...asked } = {}) =>
      ask(port, { ...asked, headers: { ...(asked.body && { "content-type": "application/json" }), ...headers } }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  }
}

/** What `handle` answers where a handler returns its response. */
export async function responseOf(
  handle: Handler,
  sse: (source: Source, options?: SseOptions) => Promise<Response>,
  body: () => Promise<string>,
): Promise<Response> {
  let response: Promise<Response> | undefined
  await handle({ sse: (source, options) => (response = sse(source, options)), body })
  return response ?? Promise.reject(new Error("it did not answer"))
}
