import { once } from "node:events"
import { connect, createServer, type AddressInfo, type Socket } from "node:net"

/** One connection through a relay: what the client holds, and what the server holds. */
export interface Pair {
  readonly client: Socket
  readonly upstream: Socket
}

export interface Relay extends AsyncDisposable {
  readonly port: number
  /** Connections ever made. */
  readonly connections: number
  /** Those that are open. */
  readonly pairs: ReadonlySet<Pair>
}

/** How a connection is broken: by a RST, closed both ways, or closed one way while the other is still heard. */
export type Break = "reset" | "close" | "half-close"

export const BREAKS: readonly Break[] = ["reset", "close", "half-close"]

/**
 * Accepts connections and opens one to a server for each; what is passed on between the two is up to `onPair`. With no
 * target, a client is refused by a RST, as by a machine on which nobody listens.
 */
export async function createRelay(target: () => number | undefined, onPair: (pair: Pair) => void): Promise<Relay> {
  const pairs = new Set<Pair>()
  let connections = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    client.on("error", () => {}) // resets are what this is for
    const port = target()
    if (port === undefined) return void client.resetAndDestroy()
    const upstream = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true })
    const pair = { client, upstream }
    pairs.add(pair)
    upstream.on("error", () => {})
    client.on("close", () => {
      pairs.delete(pair)
      upstream.destroy()
    })
    connections++
    onPair(pair)
  })
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    port: (server.address() as AddressInfo).port,
    pairs,
    get connections() {
      return connections
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const { client, upstream } of pairs) {
        client.destroy()
        upstream.destroy()
      }
    },
  }
}

export function breakOff(socket: Socket, how: Break): void {
  if (how === "reset") socket.resetAndDestroy()
  else if (how === "close") socket.destroySoon()
  else socket.end()
}

/** There is room again, or nobody left. */
export const drained = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done).off("close", done)
      resolve()
    }
    socket.on("drain", done).on("close", done)
  })
