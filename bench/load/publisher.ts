import { connect, type Socket } from "node:net"
import { monotonic } from "./clock.ts"
import type { Tally } from "./tally.ts"

/** One keep-alive connection for `POST /publish`; requests may be pipelined, each is answered without a body. */
export class Publisher {
  answered = 0
  readonly #socket: Socket
  readonly #tally: Tally
  readonly #size: number
  readonly #onAnswer: (() => void) | undefined
  #answers = ""

  constructor(options: { port: number; tally: Tally; size: number; onAnswer?: () => void }) {
    this.#tally = options.tally
    this.#size = options.size
    this.#onAnswer = options.onAnswer
    this.#socket = connect({ host: "127.0.0.1", port: options.port, noDelay: true })
    this.#socket.on("error", (error) => this.#tally.fault(`publisher: ${error.message}`))
    this.#socket.on("data", (bytes) => this.#read(bytes.toString("latin1")))
  }

  /** Sends events `from` to `to`, both included, in one write. */
  send(from: number, to: number): void {
    let requests = ""
    for (let number = from; number <= to; number++) {
      const data = payload(number, this.#size)
      requests += `POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: ${data.length}\r\n\r\n${data}`
    }
    this.#socket.write(requests, "latin1")
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#answers += text
    for (let end = 0; (end = this.#answers.indexOf("\r\n\r\n")) >= 0; this.#answers = this.#answers.slice(end + 4)) {
      this.answered++
      if (!this.#answers.startsWith("HTTP/1.1 204 ")) this.#tally.fault(`publish: ${this.#answers.slice(0, 200)}`)
      this.#onAnswer?.()
    }
  }
}

let padding = ""

/** `{"s":<number>,"t":<nanoseconds>,"p":"xxx…"}`, exactly `size` characters long. */
export function payload(number: number, size: number): string {
  const start = `{"s":${number},"t":${monotonic()},"p":"`
  if (padding.length < size) padding = "x".repeat(size)
  return `${start}${padding.slice(0, size - start.length - 2)}"}`
}
