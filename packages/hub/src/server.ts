import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { createHub } from "onward"
import { sqliteLog } from "onward/sqlite"
import { openAccessLog } from "./access-log.ts"
import { createApp } from "./app.ts"
import type { ServeOptions } from "./command-line.ts"
import { createDemo } from "./demo/index.ts"
import type { Address } from "./guard.ts"

/** How long leaving may take: streams are closed over the first part of it, what is left then is cut. */
const DRAIN_MS = 500
const CUT_AFTER_MS = 3_000

/** A hub that listens. */
export interface HubServer {
  readonly address: Address
  /** Sends everyone away and closes everything; what was acknowledged is kept. */
  close(): Promise<void>
}

/** Starts a hub server. Rejects with an `OnwardError` when there is trouble with the log, else with what the system says. */
export async function startServer(
  { port, host, data, demo: hasDemo }: ServeOptions,
  onError: (error: unknown) => void,
): Promise<HubServer> {
  mkdirSync(data, { recursive: true })
  const log = sqliteLog(join(data, "events.db"))
  const hub = createHub({ log, onError })
  let address: Address = { host, port }
  const undo: (() => void | Promise<void>)[] = [() => hub.close()]
  const undoAll = async (): Promise<void> => {
    for (const step of undo) await step()
  }
  try {
    const accessLog = openAccessLog(join(data, "access.log"), onError)
    undo.unshift(() => accessLog.close())
    const demo = hasDemo ? await createDemo({ hub, log, accessLogPath: accessLog.path, onError }) : undefined
    if (demo) undo.unshift(() => demo.close())
    const app = createApp({ hub, log, accessLog, address: () => address, demo, onError })
    const server = createServer({ requestTimeout: 30_000, headersTimeout: 10_000 }, app)
    // answered before the body is sent, when it is too large
    server.on("checkContinue", app)
    server.listen(port, host)
    await once(server, "listening")
    const { address: bound, port: actual } = server.address() as AddressInfo
    address = { host: bound, port: actual }
    return {
      address: { host, port: actual },
      async close() {
        // first of all nobody new: an EventSource tries again when it finds nobody, and gives up when it is refused
        const closed = new Promise((resolve) => void server.close(resolve))
        // until the end: it also keeps the process alive, which draining by itself does not
        const timer = setTimeout(() => server.closeAllConnections(), CUT_AFTER_MS)
        await Promise.all([demo?.close(), hub.drain({ over: DRAIN_MS }), closed])
        await undoAll()
        clearTimeout(timer)
      },
    }
  } catch (error) {
    await undoAll()
    throw error
  }
}
