import { connect, type Socket } from "node:net"
import { monotonic } from "./clock.ts"
import { Chunks } from "./chunks.ts"
import { Lines, type Goal } from "./lines.ts"
import type { Tally } from "./tally.ts"

/** Reads are synchronous, so all sockets can read into the same memory: nothing is allocated for a read. */
const shared = Buffer.allocUnsafeSlow(256 * 1024)
/** Connections from one address, which by default has some 28,000 ports. */
const PER_ADDRESS = 20_000
let connections = 0

export interface SubscriberOptions {
  readonly port: number
  readonly path: string
  /** Further lines of the request's head, each with its end. @default "" */
  readonly headers?: string
  readonly goal?: Goal
  readonly tally: Tally
  /** Length of each event's data, see {@link Lines}. */
  readonly size: number
  /** Called once, when the head of a 200 response has come. */
  readonly onOpen: (subscriber: Subscriber) => void
  /** Called once, when the connection is over. */
  readonly onClose?: (subscriber: Subscriber) => void
}

/** One connection: a GET, then its response read and checked. */
export class Subscriber {
  readonly lines: Lines
  isOpen = false
  readonly #options: SubscriberOptions
  readonly #socket: Socket
  #body: Chunks | Lines | undefined
  #head = ""
  #stalled = false

  constructor(options: SubscriberOptions) {
    this.#options = options
    this.lines = new Lines(options.tally, options.size, options.goal)
    this.#socket = connect({
      host: "127.0.0.1",
      port: options.port,
      // chosen only where there is need: the kernel looks for a free port far longer when the address is given
      ...(connections >= PER_ADDRESS && { localAddress: `127.0.0.${1 + Math.floor(connections / PER_ADDRESS)}` }),
      noDelay: true,
      onread: { buffer: shared, callback: (length) => this.#read(length) },
    })
    const { path, headers = "" } = options
    this.#socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n${headers}\r\n`)
    this.#socket.on("error", (error) => options.tally.fault(`connection: ${error.message}`))
    connections++
    this.#socket.on("close", () => {
      connections--
      options.onClose?.(this)
    })
  }

  /** The response is complete, as HTTP says. */
  get ended(): boolean {
    return this.#body instanceof Chunks && this.#body.ended
  }

  /** Stops reading until `wake`; to be called from `onOpen`. */
  stall(): void {
    this.#stalled = true
  }

  wake(): void {
    this.#stalled = false
    this.#socket.resume()
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(length: number): boolean {
    const { tally } = this.#options
    tally.now = monotonic()
    if (this.#body) this.#body.push(shared, 0, length)
    else this.#open(length)
    return !this.#stalled
  }

  #open(length: number): void {
    const { tally, onOpen } = this.#options
    const before = this.#head.length
    this.#head += shared.toString("latin1", 0, length)
    const end = this.#head.indexOf("\r\n\r\n")
    if (end < 0) return
    const head = this.#head.slice(0, end).toLowerCase()
    this.#head = ""
    if (!head.startsWith("http/1.1 200 ")) {
      tally.fault(`answer: ${head.slice(0, 200)}`)
      this.close()
      return
    }
    this.#body = head.includes("transfer-encoding: chunked") ? new Chunks(this.lines, tally) : this.lines
    this.isOpen = true
    onOpen(this)
    this.#body.push(shared, end + 4 - before, length)
  }
}
