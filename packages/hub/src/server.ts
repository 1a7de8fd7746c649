import cluster from "node:cluster"
import { once } from "node:events"
import { mkdirSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { createHub, OnwardError, type Hub, type HubOptions } from "onward"
import { openAccessLog } from "./access-log.ts"
import { createApp } from "./app.ts"
import { createAuth } from "./auth/index.ts"
import type { ServeOptions } from "./command-line.ts"
import { createDemo } from "./demo/index.ts"
import { createGateway } from "./gateway/index.ts"
import { defaultLimits } from "./limits.ts"
import type { Address } from "./guard.ts"
import { createPresence } from "./presence.ts"
import { openStore } from "./store.ts"
import { UsageError } from "./usage-error.ts"

/** How long after the streams what is left is cut, in ms. */
const CUT_AFTER_MS = 2_500

/**
 * How long a request's head may take to arrive, in ms. Node looks every 30 s by default, which would make 10 s up to 40. How long its body
 * may take differs by path: see `createApp`.
 */
const TIMEOUTS = { requestTimeout: 0, headersTimeout: 10_000, connectionsCheckingInterval: 1_000 }

/** A hub that listens. */
export interface HubServer {
  readonly address: Address
  /** Where its log is, for people. */
  readonly place: string
  /** Sends everyone away and closes everything; what was acknowledged is kept. */
  close(): Promise<void>
}

/** Starts a hub server. Rejects with an `OnwardError` when there is trouble with the log, else with what the system says. */
export async function startServer(
  {
    port,
    host,
    data,
    log: logAddress,
    drain,
    demo: hasDemo,
    presence: counted,
    gateway: settings,
    auth: authOptions,
    publishRate,
    limits: givenLimits,
    refuse,
    trustedProxies,
    publicUrls,
  }: ServeOptions,
  onError: (error: unknown) => void,
): Promise<HubServer> {
  mkdirSync(data, { recursive: true })
  const limits = { ...defaultLimits, ...givenLimits }
  const store = await openStore(logAddress)
  const { log, place } = store
  let address: Address = { host, port }
  const undo: (() => void | Promise<void>)[] = [() => log.close(), () => store.disconnect?.()]
  const undoAll = async (): Promise<void> => {
    for (const step of undo) await step()
  }
  try {
    const hub = openHub({
      log,
      onError,
      limits: {
        connections: limits.streams,
        connectionsPerKey: limits.streamsPerAddress,
        topics: limits.topics,
        patterns: limits.patterns,
        patternsPerKey: limits.patternsPerAddress,
      },
      ...(counted && { presence: { patterns: counted } }),
    })
    undo.unshift(() => hub.close())
    const auth =
      authOptions &&
      (await createAuth(authOptions, { openLog: (keep) => store.openControl(keep), publicUrls, onError }))
    if (auth) undo.unshift(() => auth.stop())
    const presence =
      counted &&
      createPresence(hub.presence, {
        maxStreams: limits.presenceStreams,
        maxTopics: limits.topics,
        auth,
        onError,
      })
    // workers rotate it, so each has its own
    const name = cluster.worker ? `access.${cluster.worker.id}.log` : "access.log"
    const accessLog = openAccessLog(join(data, name), onError)
    undo.unshift(() => accessLog.close())
    const demo = hasDemo ? await createDemo({ hub, log, accessLogPath: accessLog.path, onError }) : undefined
    if (demo) undo.unshift(() => demo.close())
    // in a log of their own, which nobody can subscribe to
    const gateway = settings && createGateway({ ...settings, log: await store.openRuns(), onError })
    if (gateway) undo.unshift(() => gateway.close())
    const app = createApp({
      hub,
      log,
      accessLog,
      address: () => address,
      demo,
      gateway,
      presence,
      auth,
      publishRate,
      limits,
      refuse,
      ...(trustedProxies && { trustedProxies }),
      ...(publicUrls && { publicUrls }),
      onError,
    })
    const server = createServer({ ...TIMEOUTS, maxHeaderSize: limits.headBytes }, app)
    // answered before the body is sent, when it is too large
    server.on("checkContinue", app)
    server.listen(port, host)
    await once(server, "listening")
    const { address: bound, port: actual } = server.address() as AddressInfo
    address = { host: bound, port: actual }
    return {
      address: { host, port: actual },
      place,
      async close() {
        // first of all nobody new: an EventSource tries again when it finds nobody, and gives up when it is refused
        const closed = new Promise((resolve) => void server.close(resolve))
        // until the end: it also keeps the process alive, which draining by itself does not
        presence?.close()
        const timer = setTimeout(() => server.closeAllConnections(), drain + CUT_AFTER_MS)
        await Promise.all([demo?.close(), gateway?.close(), hub.drain({ duration: drain }), closed])
        await undoAll()
        clearTimeout(timer)
      },
    }
  } catch (error) {
    await undoAll()
    throw error
  }
}

function openHub(options: HubOptions): Hub {
  try {
    return createHub(options)
  } catch (error) {
    if (!(error instanceof OnwardError) || error.code !== "invalid_selector") throw error
    throw new UsageError(`--presence: ${error.message}`)
  }
}
