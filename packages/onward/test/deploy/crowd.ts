import { connect, type Socket } from "node:net"
import { createParser, type ParserHandlers } from "../../src/protocol/index.ts"
import { Chance } from "../hub/simulation/chance.ts"

/** Where a client goes: the first of these ports that answers. */
export type Ports = () => readonly number[]

export interface Crowd {
  /** Streams that stand. */
  readonly open: number
  /** When each stream that was opened again stood, in ms of `performance.now`. */
  readonly returns: readonly number[]
  /** What went wrong, a line each: an event missed, doubled, out of order. */
  readonly wrong: readonly string[]
  /** The lowest number that every client has got. */
  readonly least: number
  leave(): void
}

/** How soon a client comes back that was not told when, in ms: up to this, by chance, as `stream` of onward/client does at first. */
const BACK_MS = 1_000
const TOPICS = 50

export const topicOf = (client: number): string => `t${client % TOPICS}`
export const topics: readonly string[] = Array.from({ length: TOPICS }, (_, i) => topicOf(i))

/**
 * Many plain clients in one process: a socket each, HTTP/1.0, `Last-Event-ID`, and `retry` as a browser heeds it. Each expects
 * on its topic the numbers 1, 2, 3 …
 */
export function startCrowd(count: number, ports: Ports, seed: number): Crowd {
  const chance = new Chance(seed)
  const returns: number[] = []
  const wrong: string[] = []
  const got = new Array<number>(count).fill(0)
  const sockets: Socket[] = []
  let open = 0
  let hasLeft = false

  function join(client: number, lastEventId: string, isReturn: boolean, attempt = 0): void {
    if (hasLeft) return
    const port = ports()[attempt]
    let retry = chance.below(BACK_MS)
    // nobody answers: later
    if (port === undefined) return void setTimeout(() => join(client, lastEventId, isReturn), retry)
    const resume = lastEventId && `Last-Event-ID: ${lastEventId}\r\n`
    const socket = connect(port, "127.0.0.1")
    let isStanding = false
    const handlers: ParserHandlers = {
      onEvent({ event, data }) {
        if (event === "stream.checkpoint") return
        const expected = (got[client] as number) + 1
        if (Number(data) !== expected) wrong.push(`client ${client} got ${data} instead of ${expected}`)
        got[client] = Number(data)
      },
      onRetry: (ms) => (retry = ms),
    }
    const parser = createParser(handlers, { lastEventId })
    socket.write(`GET /events?topic=${topicOf(client)} HTTP/1.0\r\nHost: hub\r\n${resume}\r\n`)
    socket.on("data", (bytes: Buffer) => {
      if (isStanding) return parser.feed(bytes)
      isStanding = true
      open++
      if (isReturn) returns.push(performance.now())
      const head = bytes.indexOf("\r\n\r\n")
      if (!bytes.subarray(0, 12).toString().endsWith("200")) wrong.push(bytes.toString("latin1", 0, head))
      parser.feed(bytes.subarray(head + 4))
    })
    socket.on("error", () => {})
    socket.on("close", () => {
      if (isStanding) {
        open--
        setTimeout(() => join(client, parser.lastEventId, true), retry)
      } else join(client, lastEventId, isReturn, attempt + 1)
    })
    sockets[client] = socket
  }

  for (let client = 0; client < count; client++) join(client, "", false)
  return {
    get open() {
      return open
    },
    get least() {
      return got.reduce((least, number) => Math.min(least, number), Infinity)
    },
    returns,
    wrong,
    leave() {
      hasLeft = true
      for (const socket of sockets) socket.destroy()
    },
  }
}
