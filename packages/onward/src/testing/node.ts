import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Asked, Exchange, Transport } from "./exchange.ts"
import { afterTwoTurns } from "./machine.ts"
import { createPipe, type End } from "./node-pipe.ts"

/** What `node:http` serves: a listener (as Express and Connect apps are, and Koa's `callback()` makes), or a server, which need not listen. */
export type NodeHandler = ((req: IncomingMessage, res: ServerResponse) => unknown) | Server

/** Real HTTP/1.1 between a real server and a real client, through memory instead of a socket. */
export function overPipe(handler: NodeHandler): Transport {
  return (asked) =>
    new Promise((resolve, reject) => {
      let isAnswered = false
      const server =
        typeof handler === "function"
          ? createServer((req, res) => {
              call(handler, req, res).catch((error: unknown) => {
                // an error reaches the caller that waits for the response; later errors must not be swallowed
                if (isAnswered) throw error
                reject(error)
              })
            })
          : handler
      const { client, server: serverEnd } = createPipe()
      const sent = request({ ...requestOf(asked), createConnection: () => client })
      sent.on("error", reject)
      sent.on("response", (response) => {
        isAnswered = true
        resolve(exchangeOf(response, client, serverEnd))
      })
      server.emit("connection", serverEnd)
      sent.end(asked.body)
    })
}

async function call(handler: Exclude<NodeHandler, Server>, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const returned: unknown = await handler(req, res)
  if (!(globalThis.Response && returned instanceof Response)) return
  throw new TypeError(
    "this handler returns a Response, so it is fetch-style: did you mean `connect({ fetch: handler })`?",
  )
}

const requestOf = ({ method, path, headers, body }: Asked) => ({
  method,
  path,
  headers: { ...headers, ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }) },
})

function exchangeOf(response: IncomingMessage, client: End, server: End): Exchange {
  return {
    status: response.statusCode ?? 0,
    headers: headersOf(response),
    read(receiver) {
      response.on("error", () => {})
      response.on("data", (bytes: Buffer) => receiver.onBytes(bytes))
      response.on("close", () => receiver.onOver(response.complete ? "ended" : "cut"))
    },
    stall: () => server.stall(),
    flow: () => server.flow(),
    async cut() {
      if (!server.closed) {
        const closed = new Promise((resolve) => server.once("close", resolve))
        client.destroy()
        await closed
      }
      await afterTwoTurns()
    },
  }
}

function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers()
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i] ?? "", rawHeaders[i + 1] ?? "")
  return headers
}
