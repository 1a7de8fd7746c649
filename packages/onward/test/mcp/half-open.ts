import { once } from "node:events"
import net, { type AddressInfo, type Socket } from "node:net"
import type { TestContext } from "node:test"

/** A way to a server on which connections can die without the server being told. */
export interface Way {
  readonly url: string
  /** Lets go of the clients that are connected now. Their connections to the server stay open, and nothing is read from them any more. */
  dieSilently(): void
}

export async function startWay(t: TestContext, to: string): Promise<Way> {
  const { port, pathname } = new URL(to)
  const ends = new Set<Socket>()
  const live = new Set<readonly [client: Socket, server: Socket]>()
  const way = net.createServer((client) => {
    const server = net.connect(Number(port), "127.0.0.1")
    const pair = [client, server] as const
    live.add(pair)
    for (const end of pair) ends.add(end.on("error", () => {}))
    client.pipe(server)
    server.pipe(client)
    client.on("close", () => {
      if (live.delete(pair)) server.destroy()
    })
    server.on("close", () => client.destroy())
  })
  way.listen(0, "127.0.0.1")
  await once(way, "listening")
  t.after(() => {
    way.close()
    for (const end of ends) end.destroy()
  })
  return {
    url: `http://127.0.0.1:${(way.address() as AddressInfo).port}${pathname}`,
    dieSilently() {
      for (const [client, server] of live) {
        client.unpipe(server)
        server.unpipe(client)
        server.pause()
        client.destroy()
      }
      live.clear()
    },
  }
}
