import { once } from "node:events"
import { request, type IncomingMessage, type OutgoingHttpHeaders } from "node:http"
import { connect, type Socket } from "node:net"
import { createParser, type ParsedEvent } from "onward/protocol"

/** Where attackers come from: an address of their own on the loopback, so that the quotas of the witness are not theirs. */
export const ATTACKER = "127.0.66.6"

export interface Asked {
  readonly path: string
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Uint8Array
  readonly from?: string
}

export interface Answer {
  /** 0 when the connection ended before an answer. */
  readonly status: number
  readonly text: string
}

/** Most characters that are read of an answer. */
const MAX_CHARS = 4_000_000

async function begin(port: number, { path, method = "GET", headers = {}, body, from = ATTACKER }: Asked) {
  const asking = request({ port, host: "127.0.0.1", path, method, headers, localAddress: from, agent: false })
  asking.on("error", () => {})
  asking.end(body)
  const [response] = (await once(asking, "response")) as [IncomingMessage]
  return { asking, response }
}

/** Asks once and reads the whole answer. */
export async function ask(port: number, asked: Asked): Promise<Answer> {
  try {
    const { asking, response } = await begin(port, asked)
    let text = ""
    for await (const chunk of response.setEncoding("utf8") as AsyncIterable<string>) {
      text += chunk
      if (text.length > MAX_CHARS) break
    }
    asking.destroy()
    return { status: response.statusCode ?? 0, text }
  } catch {
    return { status: 0, text: "" }
  }
}

/** Publishes JSON: one message, or a list of them. */
export const publish = (port: number, messages: unknown): Promise<Answer> =>
  ask(port, {
    path: "/publish",
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(messages),
  })

export interface Read {
  readonly status: number
  readonly events: readonly ParsedEvent[]
}

/** Reads the events of a stream up to the one for which `isLast` is true, and leaves; at most for 10 s. */
export async function readUntil(
  port: number,
  asked: Asked,
  isLast: (event: ParsedEvent, events: readonly ParsedEvent[]) => boolean,
): Promise<Read> {
  const events: ParsedEvent[] = []
  let isDone = false
  const parser = createParser({
    onEvent(event) {
      if (isDone || event.event === "stream.checkpoint") return
      events.push(event)
      isDone = isLast(event, events)
    },
  })
  try {
    const { asking, response } = await begin(port, asked)
    const timer = setTimeout(() => asking.destroy(), 10_000)
    try {
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        parser.feed(chunk)
        if (isDone) break
      }
    } catch {
      // cut, by the timer or by the hub: what came until then counts
    } finally {
      clearTimeout(timer)
      asking.destroy()
    }
    return { status: response.statusCode ?? 0, events }
  } catch {
    return { status: 0, events }
  }
}

/** Opens a connection and writes these bytes; undefined when it cannot be opened. */
export async function open(port: number, bytes: string | Uint8Array, from = ATTACKER): Promise<Socket | undefined> {
  const socket = connect({ port, host: "127.0.0.1", localAddress: from })
  socket.on("error", () => {})
  try {
    await once(socket, "connect", { signal: AbortSignal.timeout(10_000) })
  } catch {
    socket.destroy()
    return undefined
  }
  if (bytes.length > 0) socket.write(bytes)
  return socket
}

/** Sends bytes as they are; resolves to the status of the answer, 0 when the connection ended or stayed silent without one. */
export async function statusOfBytes(port: number, bytes: string | Uint8Array, silence = 2_000): Promise<number> {
  const socket = await open(port, bytes)
  if (!socket) return 0
  let text = ""
  const timer = setTimeout(() => socket.destroy(), silence)
  try {
    for await (const chunk of socket.setEncoding("latin1") as AsyncIterable<string>) {
      text += chunk
      if (text.includes("\r\n")) break
    }
  } catch {
    // reset: there is no answer
  }
  clearTimeout(timer)
  socket.destroy()
  return Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0)
}

/** What a client may be answered, whatever it sends: everything else is a fault of the hub. */
export const isFair = (status: number): boolean => status < 500 || status === 503
