import { once } from "node:events"
import { connect, type Socket } from "node:net"
import type { TestContext } from "node:test"

/** A client without an HTTP library. */
export interface RawClient {
  readonly socket: Socket
  /** All that came so far. */
  readonly text: () => string
  send(text: string): void
  /** Resolves once what came matches. */
  until(pattern: RegExp): Promise<string>
  /** Resolves to all that came, once the server has closed. */
  closed(): Promise<string>
}

export async function rawClient(t: TestContext, port: number): Promise<RawClient> {
  const socket = connect(port, "127.0.0.1")
  t.after(() => socket.destroy())
  let text = ""
  let isClosed = false
  let changed = Promise.withResolvers<void>()
  const change = (): void => {
    changed.resolve()
    changed = Promise.withResolvers()
  }
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    text += chunk
    change()
  })
  socket.on("error", () => {})
  const over = once(socket, "close").then(() => {
    isClosed = true
    change()
  })
  await once(socket, "connect")
  return {
    socket,
    text: () => text,
    send: (bytes) => void socket.write(bytes, "latin1"),
    async until(pattern) {
      while (!pattern.test(text)) {
        if (isClosed) throw new Error(`closed, after ${JSON.stringify(text)}`)
        await changed.promise
      }
      return text
    },
    async closed() {
      await over
      return text
    },
  }
}
