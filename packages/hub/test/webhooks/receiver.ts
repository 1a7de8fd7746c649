import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestContext } from "node:test"

/** A delivery as a receiver gets it. */
export interface Received {
  readonly id: string
  readonly signature: string
  readonly text: string
  readonly event: string
  readonly topic: string | undefined
  readonly userId: string | undefined
}

export interface Receiver {
  readonly url: string
  readonly all: Received[]
  /** What it accepted, as `<event> <topic> <user>`, a repeated id once. */
  readonly accepted: () => string[]
  close(): Promise<void>
}

/** Answers a delivery; with a number, with this status. */
export type Answer = (received: Received, res: ServerResponse, count: number) => number | void

/** A server of an application. */
export async function startReceiver(t: TestContext, answer: Answer = () => 204, port = 0): Promise<Receiver> {
  const all: Received[] = []
  const accepted = new Map<string, Received>()
  const server = createServer((req, res) => void take(req, res))

  async function take(req: IncomingMessage, res: ServerResponse): Promise<void> {
    let text = ""
    for await (const piece of req.setEncoding("utf8")) text += piece as string
    const { event, topic, userId } = JSON.parse(text) as Record<string, string>
    const header = (name: string): string => String(req.headers[name])
    const received: Received = {
      ...{ id: header("webhook-id"), signature: header("webhook-signature"), text, event: event ?? "", topic, userId },
    }
    all.push(received)
    const status = answer(received, res, all.filter(({ id }) => id === received.id).length)
    if (status === undefined) return
    if (status < 300 && !accepted.has(received.id)) accepted.set(received.id, received)
    res.writeHead(status).end()
  }

  await new Promise<void>((resolve) => void server.listen(port, "127.0.0.1", resolve))
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  t.after(close)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
    all,
    accepted: () =>
      [...accepted.values()].map(({ event, topic, userId }) => [event, topic, userId].filter(Boolean).join(" ")),
    close,
  }
}
