import { Client as Client2, StreamableHTTPClientTransport as ClientTransport2 } from "@modelcontextprotocol/client"
import { NodeStreamableHTTPServerTransport } from "@modelcontextprotocol/node"
import { Client as Client1 } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as ClientTransport1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { McpServer as McpServer1 } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import { McpServer as McpServer2 } from "@modelcontextprotocol/server"
import { eventStore } from "../../src/mcp/index.ts"
import type { Client, Line } from "./node.ts"

const INFO = { name: "test", version: "1.0.0" }
const STEP = "notifications/message"
/** Clients come back this soon, in ms: the server says so before each stream. */
const RETRY = 10

const done = { content: [{ type: "text" as const, text: "done" }] }
const stepOf = (step: number) => ({ method: STEP, params: { level: "info", data: step } }) as const

interface Notified {
  readonly method: string
  readonly params?: object | undefined
}

interface SomeClient {
  fallbackNotificationHandler?: (notification: never) => Promise<void>
  callTool(params: { name: string }): Promise<object>
  close(): Promise<void>
}

function clientOf(client: SomeClient): Omit<Client, "session"> {
  const steps: number[] = []
  client.fallbackNotificationHandler = async ({ method, params }: Notified) => {
    if (method === STEP) steps.push((params as { data: number }).data)
  }
  return {
    steps,
    async work() {
      const { content } = (await client.callTool({ name: "work" })) as { content: { text: string }[] }
      return content[0]?.text ?? ""
    },
    close: () => client.close(),
  }
}

/** Both lines of the SDK, each with a client of its own. */
export const lines: readonly Line[] = [
  {
    name: "SDK 1.x",
    async transport({ from, session, tool }) {
      const store = eventStore(from, { session })
      const transport = new StreamableHTTPServerTransport({
        sessionIdGenerator: () => session,
        retryInterval: RETRY,
        eventStore: store,
      })
      const server = new McpServer1(INFO, { capabilities: { logging: {} } })
      server.registerTool("work", {}, async (extra) => {
        await tool({
          notify: (step) => extra.sendNotification(stepOf(step)),
          closeStream: () => extra.closeSSEStream?.(),
        })
        return done
      })
      await server.connect(transport)
      return { transport, store }
    },
    async connect(url, fetch) {
      const transport = new ClientTransport1(new URL(url), fetch && { fetch })
      const client = new Client1(INFO)
      const ours = clientOf(client)
      await client.connect(transport)
      return { ...ours, session: transport.sessionId ?? "" }
    },
  },
  {
    name: "SDK 2.x",
    async transport({ from, session, tool }) {
      const store = eventStore(from, { session })
      const transport = new NodeStreamableHTTPServerTransport({
        sessionIdGenerator: () => session,
        retryInterval: RETRY,
        eventStore: store,
      })
      const server = new McpServer2(INFO, { capabilities: { logging: {} } })
      server.registerTool("work", {}, async (context) => {
        await tool({
          notify: (step) => context.mcpReq.notify(stepOf(step)),
          closeStream: () => context.http?.closeSSE?.(),
        })
        return done
      })
      await server.connect(transport)
      return { transport, store }
    },
    async connect(url, fetch) {
      const transport = new ClientTransport2(new URL(url), fetch && { fetch })
      const client = new Client2(INFO)
      const ours = clientOf(client)
      await client.connect(transport)
      return { ...ours, session: transport.sessionId ?? "" }
    },
  },
]
