import { once } from "node:events"
import { createServer, type AddressInfo, type Socket } from "node:net"
import type { TestContext } from "node:test"

/** A request as its bytes say, with nothing repaired. */
export interface RawRequest {
  /** The number of its connection, from 0 up. */
  readonly connection: number
  readonly line: string
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly body: string
}

/** An upstream without an HTTP library: it counts bytes and connections, and takes each byte for what it is. */
export interface RawUpstream {
  readonly url: string
  readonly requests: RawRequest[]
  /** Connections there were. */
  readonly connections: Socket[]
  /** All bytes that came, by connection. */
  readonly received: string[]
  /** Resolves when there are as many requests. */
  until(count: number): Promise<void>
}

export interface RawUpstreamOptions {
  /** What is answered to a request once all of it is there; nothing for nothing. */
  readonly answer?: (request: RawRequest, socket: Socket) => string | undefined
  /** What is answered as soon as a request's head is there. */
  readonly early?: (line: string, socket: Socket) => string | undefined
  /** Called for each connection. */
  readonly onConnect?: (socket: Socket) => void
}

export const ok = (body = "{}", type = "application/json"): string =>
  `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

export async function rawUpstream(
  t: TestContext,
  { answer = () => ok(), early, onConnect }: RawUpstreamOptions = {},
): Promise<RawUpstream> {
  const requests: RawRequest[] = []
  const connections: Socket[] = []
  const received: string[] = []
  let changed = Promise.withResolvers<void>()
  const server = createServer((socket) => {
    const connection = connections.push(socket) - 1
    received.push("")
    onConnect?.(socket)
    let pending = ""
    let hasAnsweredEarly = false
    socket.on("error", () => {})
    socket.setEncoding("latin1").on("data", (chunk: string) => {
      received[connection] += chunk
      pending += chunk
      for (;;) {
        const at = pending.indexOf("\r\n\r\n")
        if (at >= 0 && early && !hasAnsweredEarly) {
          const said = early(pending.slice(0, pending.indexOf("\r\n")), socket)
          hasAnsweredEarly = said !== undefined
          if (said !== undefined) socket.write(said)
        }
        const read = readRequest(pending, connection)
        if (!read) return
        pending = pending.slice(read.length)
        requests.push(read.request)
        changed.resolve()
        changed = Promise.withResolvers()
        if (!hasAnsweredEarly) {
          const said = answer(read.request, socket)
          if (said !== undefined) socket.write(said, "latin1")
        }
        hasAnsweredEarly = false
      }
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    for (const socket of connections) socket.destroy()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    connections,
    received,
    async until(count) {
      while (requests.length < count) await changed.promise
    },
  }
}

/** The first request of some bytes, by its own framing; undefined until all of it is there. */
function readRequest(text: string, connection: number): { request: RawRequest; length: number } | undefined {
  const end = text.indexOf("\r\n\r\n")
  if (end < 0) return undefined
  const [line = "", ...lines] = text.slice(0, end).split("\r\n")
  const headers: Record<string, string[]> = {}
  for (const each of lines) {
    const colon = each.indexOf(":")
    const name = each.slice(0, colon).toLowerCase()
    headers[name] = [...(headers[name] ?? []), each.slice(colon + 1).trim()]
  }
  const start = end + 4
  if (headers["transfer-encoding"]) {
    let at = start
    let body = ""
    for (;;) {
      const lineEnd = text.indexOf("\r\n", at)
      if (lineEnd < 0) return undefined
      const size = Number.parseInt(text.slice(at, lineEnd), 16)
      if (size === 0) {
        const last = text.indexOf("\r\n\r\n", lineEnd)
        return last < 0 ? undefined : { request: { connection, line, headers, body }, length: last + 4 }
      }
      if (text.length < lineEnd + 2 + size + 2) return undefined
      body += text.slice(lineEnd + 2, lineEnd + 2 + size)
      at = lineEnd + 2 + size + 2
    }
  }
  const length = Number(headers["content-length"]?.[0] ?? 0)
  if (text.length < start + length) return undefined
  return { request: { connection, line, headers, body: text.slice(start, start + length) }, length: start + length }
}
