import { randomUUID } from "node:crypto"
import { once } from "node:events"
import http, { type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import type { TestContext } from "node:test"
import type { Hub } from "../../src/hub/index.ts"
import type { Log } from "../../src/log/index.ts"
import { resume, type EventStore } from "../../src/mcp/index.ts"
import { sse } from "../../src/node/index.ts"

/** What a tool of these tests can do while it is called. */
export interface Call {
  notify(step: number): Promise<void>
  /** Ends the call's stream as the SDK offers it: the client is to come back. */
  closeStream(): void
}

export type Tool = (call: Call, node: Node) => Promise<void>

export interface Transport {
  handleRequest(req: IncomingMessage, res: ServerResponse, body?: unknown): Promise<void>
}

/** A line of the SDK, with a server and a client of it. */
export interface Line {
  readonly name: string
  /** A session's transport, connected to a server whose one tool, `work`, is `tool`. */
  transport(options: {
    from: Log | Hub
    session: string
    tool: (call: Call) => Promise<void>
  }): Promise<{ transport: Transport; store: EventStore }>
  connect(url: string, fetch?: typeof globalThis.fetch): Promise<Client>
}

export interface Client {
  readonly session: string
  /** Steps that were notified, as they came. */
  readonly steps: readonly number[]
  /** Calls `work`; resolves to the text it returned. */
  work(): Promise<string>
  close(): Promise<void>
}

/** One process of a server with sessions. */
export interface Node {
  readonly url: string
  readonly stores: ReadonlyMap<string, EventStore>
  /** Cuts every connection, as a proxy that restarts would. */
  cut(): void
  /** Ends every stream that is resumed here, as a server that closes does. */
  letGo(): void
}

/** Starts a node. Sessions live where they were begun; clients of others can only resume. */
export async function startNode(t: TestContext, line: Line, from: Log | Hub, tool: Tool): Promise<Node> {
  const transports = new Map<string, Transport>()
  const stores = new Map<string, EventStore>()
  let presence = new AbortController()
  const server = http.createServer(
    (req, res) => void handle(req, res).catch((error: unknown) => res.destroy(error as Error)),
  )

  async function handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of req) parts.push(part as Buffer)
    const body: unknown = parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : undefined
    const session = req.headers["mcp-session-id"] as string | undefined
    const existing = session === undefined ? undefined : transports.get(session)
    // as a balancer that sends who resumes to any node at all
    const isElsewhere = req.url?.endsWith("?elsewhere") ?? false
    if (existing && !isElsewhere) return existing.handleRequest(req, res, body)
    if (req.method === "GET") {
      const protocol = req.headers["mcp-protocol-version"] as string | undefined
      const { signal } = presence
      return void sse(req, res, resume(from, { session, protocol, signal }), { onError() {} })
    }
    if (session !== undefined) return void res.writeHead(404).end()
    const id = randomUUID()
    const { transport, store } = await line.transport({ from, session: id, tool: (call) => tool(call, node) })
    transports.set(id, transport)
    stores.set(id, store)
    await transport.handleRequest(req, res, body)
  }

  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const node: Node = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    stores,
    cut: () => server.closeAllConnections(),
    letGo() {
      presence.abort()
      presence = new AbortController()
    },
  }
  return node
}
