import { once } from "node:events"
import type { Duplex } from "node:stream"
import { connect, type TLSSocket } from "node:tls"

/** Frame types and flags (RFC 9113 section 6). */
export const FRAME = { data: 0, headers: 1, priority: 2, reset: 3, settings: 4, ping: 6, window: 8, continuation: 9 }
export const FLAG = { endStream: 1, endHeaders: 4 }

/** Encodes one frame. */
export function frame(type: number, flags: number, stream: number, payload: Uint8Array = new Uint8Array()): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** Encodes the fields of a head without compression (RFC 7541 section 6.2.2). */
export function fields(list: Readonly<Record<string, string>>): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value)
    return Buffer.concat([integer(bytes.length), bytes])
  }
  return Buffer.concat(Object.entries(list).flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]))
}

/** An integer with a prefix of seven bits (RFC 7541 section 5.1). */
function integer(value: number): Buffer {
  if (value < 127) return Buffer.from([value])
  const bytes = [127]
  let rest = value - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.from([...bytes, rest])
}

/** The head of a request. */
export const request = (path: string, method = "GET", more: Readonly<Record<string, string>> = {}): Buffer =>
  fields({ ":method": method, ":scheme": "https", ":authority": "localhost", ":path": path, ...more })

/** Opens a connection of HTTP/2 whose frames the caller writes itself. What the server sends is discarded. */
export async function openRaw(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", ALPNProtocols: ["h2"], rejectUnauthorized: false })
  socket.on("error", () => {})
  await once(socket, "secureConnect")
  socket.write(Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(FRAME.settings, 0, 0)]))
  return socket.resume()
}

/** Resolves when a socket or a stream is closed, also after an error. */
export const closed = (socket: Duplex): Promise<void> =>
  new Promise((resolve) => void socket.once("close", () => resolve()))

/** Writes until the server closes the connection, or so many times; waits while the socket is full. */
export async function flood(socket: TLSSocket, times: number, bytesOf: (at: number) => Buffer): Promise<void> {
  const isClosed = closed(socket)
  for (let at = 0; at < times && !socket.destroyed; at++) {
    if (socket.write(bytesOf(at))) continue
    await Promise.race([once(socket, "drain").catch(() => {}), isClosed])
  }
}
