import type { Socket } from "node:net"

/** A request as it came in, byte by byte. */
export interface FaultRequest {
  readonly method: string
  /** Path and query as sent. */
  readonly path: string
  /** The origin it was sent to: that of the server's `url`, or of its `otherUrl`. */
  readonly origin: string
  /** By lower-case name, each byte a character (Latin-1); see `utf8`. Repeated ones are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>
  /** All that came before the body. */
  readonly head: Buffer
  readonly body: Buffer
  /** When it was complete, by the server's clock. */
  readonly at: number
  /** When the connection it came on was closed, by whomever; undefined while it is open. */
  readonly closedAt: number | undefined
  readonly closed: Promise<void>
}

/** What `readRequests` can tell of one. */
export type ReceivedRequest = Pick<FaultRequest, "method" | "path" | "headers" | "head" | "body">

/** The bytes of a header's value as UTF-8. */
export const utf8 = (value: string | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value, "latin1").toString()

/** The requests of one connection, one after the other; ends with the connection. Bodies have a length, or are chunked. */
export async function* readRequests(socket: Socket): AsyncGenerator<ReceivedRequest> {
  let bytes: Buffer = Buffer.alloc(0)
  let isOver = false
  let wake = (): void => {}
  // always flowing, or nobody would hear that the client left
  socket.on("data", (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    wake()
  })
  socket.on("close", () => {
    isOver = true
    wake()
  })

  /** What came up to and with `end`; undefined when that will never come. */
  async function through(end: string | number): Promise<Buffer | undefined> {
    for (;;) {
      const found = typeof end === "number" ? end : bytes.indexOf(end)
      const stop = typeof end === "number" ? end : found + end.length
      if (found >= 0 && bytes.length >= stop) {
        const part = bytes.subarray(0, stop)
        bytes = bytes.subarray(stop)
        return part
      }
      if (isOver) return undefined
      await new Promise<void>((resolve) => (wake = resolve))
    }
  }

  async function chunked(): Promise<Buffer | undefined> {
    const parts: Buffer[] = []
    for (;;) {
      const size = parseInt(String(await through("\r\n")), 16)
      const part = await through(size + 2)
      if (!part) return undefined
      if (size === 0) return Buffer.concat(parts)
      parts.push(part.subarray(0, size))
    }
  }

  for (;;) {
    const head = await through("\r\n\r\n")
    if (!head) return
    const [start = "", ...lines] = head.toString("latin1").trimEnd().split("\r\n")
    const [method = "", path = ""] = start.split(" ")
    const headers: Record<string, string> = {}
    for (const line of lines) {
      const colon = line.indexOf(":")
      const name = line.slice(0, colon).toLowerCase()
      const value = line.slice(colon + 1).trim()
      headers[name] = name in headers ? `${headers[name]}, ${value}` : value
    }
    const isChunked = headers["transfer-encoding"] === "chunked"
    const body = await (isChunked ? chunked() : through(Number(headers["content-length"] ?? 0)))
    if (!body) return
    yield { method, path, headers, head, body }
  }
}
