import { ServerResponse, type IncomingMessage } from "node:http"
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2"
import type { Socket } from "node:net"
import type { Piece } from "../frame.ts"
import {
  answerStream,
  errorHandlerOf,
  type ContentCoding,
  type StreamAnswer,
  type Source,
  type SseOptions,
  type StreamRequest,
} from "../server/index.ts"
import { kindOf } from "../kind.ts"
import type { Sink, SinkOwner } from "../sink.ts"
import { coders, negotiate } from "./coding.ts"
import { CompressSink } from "./compress-sink.ts"
import { forgetSocket, releaseParser } from "./release-parser.ts"

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

/**
 * Time before the first TCP keep-alive probe. libuv sends ten, one per second, so a dead peer is detected after 12 s. That is sooner than
 * a heartbeat (13.5 s or later by default), whose retransmissions would hide the loss for 15 minutes.
 */
const KEEP_ALIVE_MS = 2_000

/** How long a client may read nothing of the rest after its stream has ended. */
const LINGER_MS = 30_000

/**
 * Answers a request of `node:http`, `node:https` or `node:http2` with an event stream.
 * Throws a `TypeError` for wrong arguments and options. A request never makes it throw: an invalid one is answered with its status.
 * @param source a hub's subscription, `runs.source(id)`, an async iterable, a ReadableStream, or a function `({ lastEventId, signal })` that returns one
 * @example
 * http.createServer((req, res) => sse(req, res, hub.subscribe({ topics: ["prices"] }))).listen(3000)
 * @example
 * sse(req, res, async function* ({ signal }) { for await (const line of tail("app.log", { signal })) yield line })
 */
export function sse<S extends Source>(req: NodeRequest, res: NodeResponse, source: S, options?: SseOptions<S>): void {
  checkArguments(req, res)
  const request = new IncomingRequest(req, res)
  if (!request.hasLeft && (res.headersSent || answering.has(res))) {
    throw new TypeError(
      "sse: the response has already been started. Call sse once for each response, before anything is written to it.",
    )
  }
  const decided = answerStream(request, source, options)
  if (!("then" in decided)) return reply(req, res, decided)
  answering.add(res)
  decided.then((later) => reply(req, res, later)).catch(errorHandlerOf(source, options))
}

class IncomingRequest implements StreamRequest {
  readonly method: string
  readonly url: string
  readonly hasLeft: boolean
  readonly #req: NodeRequest
  readonly #res: NodeResponse

  constructor(req: NodeRequest, res: NodeResponse) {
    // a request to a server has both
    this.method = req.method as string
    this.url = req.url as string
    this.hasLeft = hasLeft(res)
    this.#req = req
    this.#res = res
  }

  header(name: string): string | undefined {
    // only `set-cookie`, which no request has, is a list
    return this.#req.headers[name] as string | undefined
  }

  negotiate(headers: Readonly<Record<string, string>>, preferred: ContentCoding): ReturnType<typeof negotiate> {
    return negotiate(headers, this.header("accept-encoding"), preferred)
  }

  onLeave(leaves: () => void): () => void {
    this.#res.on("close", leaves)
    return () => void this.#res.off("close", leaves)
  }
}

/** Responses whose source has not been opened yet. */
const answering = new WeakSet<object>()

function checkArguments(req: unknown, res: unknown): void {
  if (isRequest(req) && isResponse(res)) return
  throw new TypeError(
    `sse of onward/node takes a request and a response of Node, not ${kindOf(req)} and ${kindOf(res)}. ${adviceFor(req, res)}`,
  )
}

const isRequest = (req: unknown): boolean => isObject(req) && isObject(req["headers"]) && !isResponse(req)

const isResponse = (res: unknown): boolean => isObject(res) && typeof res["writeHead"] === "function"

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null

function adviceFor(req: unknown, res: unknown): string {
  if (isObject(req) && "raw" in req) return "For Fastify use onward/fastify."
  if (isObject(req) && isObject(req["headers"]) && "get" in req["headers"]) return "For a fetch Request use onward/web."
  if (isObject(req) && isResponse(req["res"]) && !isResponse(res)) return "For Koa use onward/koa."
  return "Pass sse(req, res, source, options)."
}

const hasLeft = (res: NodeResponse): boolean => (res instanceof ServerResponse ? res.destroyed : res.stream.destroyed)

function reply(
  req: NodeRequest,
  res: NodeResponse,
  { status, headers, body, start, coding, isAlone = false, cancel }: StreamAnswer,
): void {
  // ServerResponse and Http2ServerResponse have the same methods, but no common type
  const response = res as ServerResponse
  if (!start) {
    if (hasLeft(res)) return
    response.writeHead(status, headers)
    response.end(req.method === "HEAD" ? undefined : body)
    return
  }
  const socket = req.httpVersionMajor === 1 ? req.socket : undefined
  socket?.setKeepAlive(true, KEEP_ALIVE_MS)
  // the server's timeout is for idle connections; a stream has its heartbeat
  if (socket?.timeout) socket.setTimeout(0)
  // a request of HTTP/2 emits an error when its stream is reset with an error code
  if (!socket) req.on("error", () => {})
  // head, opening and first events are sent together
  socket?.cork()
  try {
    // no response follows a stream, and an idle connection would delay `server.close()`
    response.writeHead(status, socket ? closing(headers, response) : headers)
    const below = canWriteBelow(res) ? new SocketSink(res) : undefined
    if (!below) response.flushHeaders()
    const sink = below ?? new ResponseSink(res)
    // on Node 22 a pipelined response that was never sent does not report that its connection closed
    if (socket && res.socket === null) socket.once("close", () => sink.owner?.onClose())
    const coder = coding && coders[coding]
    start(coder ? new CompressSink(sink, coder, { isAlone }) : sink)
    below?.begin()
    shareHead(response)
    if (socket) releaseParser(req as IncomingMessage, response)
  } catch (error) {
    cancel?.()
    res.destroy()
    throw error
  } finally {
    socket?.uncork()
  }
}

/** The headers of the last stream, with and without that its connection closes. */
let lastClosing: readonly [headers: StreamAnswer["headers"], closing: StreamAnswer["headers"]] = [{}, {}]

function closing(headers: StreamAnswer["headers"], response: ServerResponse): Record<string, string> {
  if (lastClosing[0] !== headers) lastClosing = [headers, { ...headers, connection: "close" }]
  // middleware could change what Node only reads
  return response.writeHead === ServerResponse.prototype.writeHead ? lastClosing[1] : { ...lastClosing[1] }
}

/** The head that was sent last, as Node keeps it with each response. */
let lastHead = ""

/** Thousands of streams have the same head: it is kept once. Node does not document where it keeps it, but it stays the same text. */
function shareHead(response: ServerResponse & { _header?: unknown }): void {
  if (typeof response._header !== "string") return
  if (response._header === lastHead) response._header = lastHead
  else lastHead = response._header
}

/**
 * Whether HTTP/1.1 chunks can be written to the socket, below the response. That is not possible if a middleware (compression) replaced
 * `write`, without chunked coding (HTTP/1.0), and while an earlier pipelined response has the socket.
 */
function canWriteBelow(res: NodeResponse): res is ServerResponse & { socket: Socket } {
  return (
    res instanceof ServerResponse &&
    res.write === ServerResponse.prototype.write &&
    res.chunkedEncoding &&
    res.socket !== null
  )
}

/** The method of a response by which Node itself sends a head with the first bytes after it. It is not documented. */
interface Sending {
  _send?(text: string): boolean
}

/** Longest text that is sent with the head, in characters. */
const MAX_FIRST = 4_096

/** Writes shared, encoded chunks to the socket, without a copy and without work of the response. */
class SocketSink implements Sink {
  owner: SinkOwner | undefined
  readonly #res: ServerResponse
  readonly #socket: Socket
  /** What follows the head in the same write; undefined once the head is sent. */
  #first: string | undefined = ""

  constructor(res: ServerResponse & { socket: Socket }) {
    this.#res = res
    this.#socket = res.socket
    res.on("close", () => {
      forgetSocket(this.#socket)
      this.owner?.onClose()
    })
  }

  write(piece: Piece & { readonly text?: string }): boolean {
    if (this.#first !== undefined && this.#sendsWithHead(this.#first, piece.text)) return true
    // the client has disconnected, and the response is about to close
    if (this.#socket.writableEnded) return true
    return this.#hasRoom(this.#socket.write(piece.chunk))
  }

  writeText(text: string): boolean {
    if (this.#first !== undefined && this.#sendsWithHead(this.#first, text)) return true
    if (this.#socket.writableEnded) return true
    const bytes = Buffer.byteLength(text)
    // ASCII is sent without encoding
    return this.#hasRoom(
      this.#socket.write(`${bytes.toString(16)}\r\n${text}\r\n`, bytes === text.length ? "latin1" : "utf8"),
    )
  }

  /** Sends the head, if that has not happened yet. */
  begin(): void {
    const text = this.#first
    if (text === undefined) return
    this.#first = undefined
    const sending: ServerResponse & Sending = this.#res
    if (text === "") this.#res.flushHeaders()
    else sending._send?.(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
  }

  /** False when `text` has to be written by itself; the head is then sent. */
  #sendsWithHead(first: string, text: string | undefined): boolean {
    if (text !== undefined && first.length + text.length <= MAX_FIRST && canSend(this.#res)) {
      this.#first = first + text
      return true
    }
    this.begin()
    return false
  }

  #hasRoom(isBelowMark: boolean): boolean {
    const socket = this.#socket
    // a write larger than the buffer returns false even if the kernel accepted all of it
    if (isBelowMark || socket.writableLength === 0) return true
    socket.once("drain", () => this.owner?.onDrain())
    return false
  }

  close(options?: { abort?: boolean }): void {
    if (options?.abort) return void this.#socket.destroy()
    this.begin()
    this.#res.end()
    linger(this.#res)
  }
}

/** Whether a text can be sent with the head; middleware can replace what sends the head alone. */
const canSend = (res: ServerResponse & Sending): boolean =>
  typeof res._send === "function" && res.flushHeaders === ServerResponse.prototype.flushHeaders

/** Writes through the response: for HTTP/2, HTTP/1.0, and middleware that must see every byte. */
class ResponseSink implements Sink {
  owner: SinkOwner | undefined
  readonly #res: NodeResponse & { flush?: () => void }

  constructor(res: NodeResponse) {
    this.#res = res
    const socket = res instanceof ServerResponse ? res.socket : null
    res.on("close", () => {
      if (socket) forgetSocket(socket)
      this.owner?.onClose()
    })
    res.on("drain", () => this.owner?.onDrain())
  }

  write({ bytes }: Piece): boolean {
    return this.#write(bytes)
  }

  writeText(text: string): boolean {
    return this.#write(text)
  }

  #write(data: Uint8Array | string): boolean {
    const hasRoom = (this.#res as ServerResponse).write(data)
    // compression buffers until it is flushed
    this.#res.flush?.()
    return hasRoom
  }

  close(options?: { abort?: boolean }): void {
    if (options?.abort) return void this.#res.destroy()
    this.#res.end()
    linger(this.#res)
  }
}

/** A client that does not read the rest of its response must not hold its connection forever. */
function linger(res: NodeResponse): void {
  ;(res as ServerResponse).setTimeout(LINGER_MS, () => res.destroy())
}
