import { connect, createServer, type AddressInfo, type Socket } from "node:net"

/** A port that leads to another one, and can be cut from. */
export interface Relay {
  readonly url: string
  /** Cuts every connection, on both sides. */
  cut(): void
  close(): Promise<void>
}

export async function createRelay(to: number): Promise<Relay> {
  const sockets = new Set<Socket>()

  function keep(socket: Socket, other: Socket): void {
    sockets.add(socket)
    socket.on("error", () => {})
    socket.on("close", () => {
      sockets.delete(socket)
      other.destroy()
    })
  }

  const server = createServer((client) => {
    const proxy = connect(to, "127.0.0.1")
    keep(client, proxy)
    keep(proxy, client)
    client.pipe(proxy).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const cut = (): void => sockets.forEach((socket) => socket.destroy())
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        cut()
      }),
  }
}
