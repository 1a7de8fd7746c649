import { once } from "node:events"
import type { Socket } from "node:net"
import { constants, createGzip, type Gzip } from "node:zlib"
import type { Clock } from "../../src/clock.ts"
import type { FaultRequest } from "./fault-request.ts"

/**
 * One request and the connection to answer on, in any way HTTP allows or forbids. Once the client is gone all of it does nothing, so that
 * no answer need look. Without a call of `end`, `cut` or `reset` the response hangs.
 */
export class FaultExchange {
  readonly request: FaultRequest
  /** How many requests came before, on whatever connection and to whichever origin. */
  readonly index: number
  /** Another origin, with a slash: where `request` did not go. */
  readonly otherUrl: string
  readonly socket: Socket
  readonly #clock: Clock
  readonly #headers: Readonly<Record<string, string>>
  #framing: "chunked" | "length" | "close" = "length"
  #gzip: Gzip | undefined
  #finish = (): void => {}
  /** Resolves once the response is complete, so that the connection is free for the next request. */
  readonly complete: Promise<void> = new Promise((resolve) => (this.#finish = resolve))

  constructor(
    socket: Socket,
    given: { request: FaultRequest; index: number; otherUrl: string; clock: Clock; headers: Record<string, string> },
  ) {
    this.socket = socket
    this.request = given.request
    this.index = given.index
    this.otherUrl = given.otherUrl
    this.#clock = given.clock
    this.#headers = given.headers
  }

  /** Whether the client, or we, closed the connection. */
  get isOver(): boolean {
    return this.socket.destroyed || this.socket.writableEnded
  }

  /** Writes bytes past all framing. Resolves when there is room for more, which is never when the client does not read. */
  async raw(bytes: Uint8Array | string): Promise<void> {
    if (this.isOver || bytes.length === 0 || this.socket.write(bytes)) return
    const drained = new Promise<void>((resolve) => this.socket.once("drain", resolve))
    await Promise.race([drained, this.request.closed])
  }

  /**
   * The head. The body will be chunked, unless the headers give it a `content-length`, or say `connection: close`, by which it ends
   * where the connection does. `gzip` compresses it.
   */
  async head(status: number, headers: Readonly<Record<string, string>> = {}, { gzip = false } = {}): Promise<void> {
    const all: Record<string, string> = { ...this.#headers, ...(gzip && { "content-encoding": "gzip" }), ...headers }
    if (all["connection"] === "close") this.#framing = "close"
    else if (all["content-length"] === undefined && status !== 204 && status !== 304) {
      this.#framing = "chunked"
      all["transfer-encoding"] = "chunked"
    }
    if (gzip) this.#gzip = createGzip()
    const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
    await this.raw(Buffer.from(`HTTP/1.1 ${status} Status\r\n${lines.join("")}\r\n`, "latin1"))
  }

  /** The head of an event stream. */
  async open(headers: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.head(200, { "content-type": "text/event-stream", ...headers })
  }

  /** A part of the body: one chunk, compressed and flushed by itself when the body is. */
  async write(part: Uint8Array | string): Promise<void> {
    const bytes = this.#gzip ? await compress(this.#gzip, part) : Buffer.from(part)
    await this.#frame(bytes)
  }

  /** The regular end of the response. */
  async end(): Promise<void> {
    if (this.#gzip) await this.#frame(await compress(this.#gzip.end(), ""))
    if (this.#framing === "chunked") await this.raw("0\r\n\r\n")
    if (this.#framing === "close") this.cut()
    this.#finish()
  }

  /** Closes our side only, wherever the body is; the client can still be heard. */
  cut(): void {
    this.socket.end()
  }

  /** Ends the connection by a RST. Bytes the client did not read yet are lost with it. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** The time, by the server's clock. */
  readonly now = (): number => this.#clock.now()

  /** Lets time pass, or the client leave. */
  async wait(ms: number): Promise<void> {
    let cancel = (): void => {}
    await Promise.race([new Promise<void>((resolve) => (cancel = this.#clock.after(ms, resolve))), this.request.closed])
    cancel()
  }

  async #frame(bytes: Uint8Array): Promise<void> {
    if (this.#framing !== "chunked" || bytes.length === 0) return this.raw(bytes)
    await this.raw(Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n")]))
  }
}

/** All that `gzip` makes of what it has and `part`; with "" after its end, the trailer. */
async function compress(gzip: Gzip, part: Uint8Array | string): Promise<Uint8Array> {
  if (!gzip.writableEnded) {
    gzip.write(part)
    await new Promise<void>((resolve) => gzip.flush(constants.Z_SYNC_FLUSH, resolve))
  } else await once(gzip, "readable")
  const bytes: Buffer[] = []
  for (let read: Buffer | null; (read = gzip.read() as Buffer | null);) bytes.push(read)
  return Buffer.concat(bytes)
}
