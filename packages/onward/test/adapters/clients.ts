import http from "node:http"
import http2 from "node:http2"
import https from "node:https"
import type { Socket } from "node:net"
import type { Readable } from "node:stream"
import zlib from "node:zlib"
import { Exchange } from "./exchange.ts"
import type { Asked, Client } from "./rig.ts"

function decoded(body: Readable, coding: unknown): Readable {
  if (coding === "gzip") return body.pipe(zlib.createGunzip())
  return coding === "zstd" ? body.pipe(zlib.createZstdDecompress()) : body
}

const askHttp1 =
  (client: typeof http | typeof https): Client["ask"] =>
  (port, { method = "GET", path = "/", headers = {}, body, reads = true }) =>
    new Promise((resolve, reject) => {
      const options = { port, host: "127.0.0.1", method, path, headers, agent: false, rejectUnauthorized: false }
      const request = client.request(options)
      request.on("error", reject)
      request.on("response", (response) => {
        const { socket } = response
        const body = decoded(response, response.headers["content-encoding"])
        const exchange = new Exchange(response.statusCode ?? 0, response.headers, {
          read: () => {
            body.on("data", (chunk: Buffer) => exchange.push(chunk))
            body.on("end", () => exchange.finish("ended"))
          },
          leaveBy: {
            "closing the connection": () => socket.destroy(),
            "a half-close": () => void socket.end(),
            ...(client === http && { "a reset": () => void socket.resetAndDestroy() }),
          },
        })
        response.on("error", () => {})
        body.on("error", () => {})
        body.on("close", () => exchange.finish("cut"))
        if (reads) exchange.read()
        resolve(exchange)
      })
      request.end(body)
    })

const askHttp2 =
  (scheme: "http" | "https"): Client["ask"] =>
  (port: number, { method = "GET", path = "/", headers = {}, body, reads = true }: Asked): Promise<Exchange> =>
    new Promise((resolve, reject) => {
      const session = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
      // what `session.socket` gives cannot be destroyed
      let connection: Socket | undefined
      session.on("connect", (_, socket) => (connection = socket as Socket))
      session.on("error", reject)
      const stream = session.request(
        { ":method": method, ":path": path, ...headers },
        { endStream: body === undefined },
      )
      stream.on("error", reject)
      stream.on("response", (head) => {
        const body = decoded(stream, head["content-encoding"])
        body.on("error", () => exchange.finish("cut"))
        const exchange = new Exchange(Number(head[":status"]), head, {
          read: () => {
            body.on("data", (chunk: Buffer) => exchange.push(chunk))
            body.on("end", () => exchange.finish(stream.rstCode === 0 ? "ended" : "cut"))
          },
          leaveBy: {
            "cancelling the stream": () => stream.close(http2.constants.NGHTTP2_CANCEL),
            "a stream error": () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
            "closing the connection": () => session.destroy(),
            "dropping the connection": () => connection?.destroy(),
            ...(scheme === "http" && { "a reset": () => connection?.resetAndDestroy() }),
          },
        })
        body.on("close", () => exchange.finish("cut"))
        stream.on("close", () => {
          // a decoder may still have something to say
          if (body === stream || stream.rstCode !== 0) exchange.finish("cut")
          session.destroy()
        })
        if (reads) exchange.read()
        resolve(exchange)
      })
      if (body !== undefined) stream.end(body)
    })

const HTTP1_WAYS = ["closing the connection", "a half-close"]
const HTTP2_WAYS = ["cancelling the stream", "a stream error", "closing the connection", "dropping the connection"]

export const http1: Client = { isHttp2: false, ways: [...HTTP1_WAYS, "a reset"], ask: askHttp1(http) }
export const http1Secure: Client = { isHttp2: false, ways: HTTP1_WAYS, ask: askHttp1(https) }
export const http2Clear: Client = { isHttp2: true, ways: [...HTTP2_WAYS, "a reset"], ask: askHttp2("http") }
export const http2Secure: Client = { isHttp2: true, ways: HTTP2_WAYS, ask: askHttp2("https") }
