import { createFaultServer, type FaultServer } from "../fault-server.ts"
import { utf8, type FaultRequest } from "../fault-request.ts"
import type { FaultExchange } from "../fault-exchange.ts"
import type { Case, SeenRequest } from "./case.ts"

/**
 * A server that answers as the case says; at `/seen` it tells what it was asked, and at `/tell/…` it is told. One a case, because connections
 * that are kept alive for other requests make platforms ask again by themselves.
 */
export async function serveCase({ answer }: Case): Promise<FaultServer> {
  const requests: FaultRequest[] = []
  const words = new Map<string, PromiseWithResolvers<void>>()

  function wordOf(word: string): PromiseWithResolvers<void> {
    const known = words.get(word) ?? Promise.withResolvers<void>()
    words.set(word, known)
    return known
  }

  async function reply(exchange: FaultExchange, body: string): Promise<void> {
    await exchange.head(200, { "content-type": "application/json", "content-length": `${Buffer.byteLength(body)}` })
    await exchange.write(body)
    await exchange.end()
  }

  const server = await createFaultServer(async (exchange) => {
    const [, verb = "", word = ""] = exchange.request.path.split("/")
    if (verb === "seen") return reply(exchange, JSON.stringify(requests.map((one) => seenOf(one, server.otherUrl))))
    if (verb === "tell") {
      wordOf(decodeURIComponent(word)).resolve()
      return reply(exchange, "")
    }
    const n = requests.push(exchange.request) - 1
    await answer(exchange, n, (expected) => Promise.race([wordOf(expected).promise, exchange.request.closed]))
  })
  return server
}

const seenOf = (request: FaultRequest, otherUrl: string): SeenRequest => ({
  method: request.method,
  headers: Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, utf8(value) ?? ""])),
  body: request.body.toString(),
  isElsewhere: `${request.origin}/` === otherUrl,
  isClosed: request.closedAt !== undefined,
})
