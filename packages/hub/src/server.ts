import cluster from "node:cluster"
import { mkdirSync } from "node:fs"
import { dirname } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { createHub, OnwardError, type Hub, type HubOptions } from "onward"
import { openAccessLog } from "./access-log.ts"
import { createAdmin } from "./admin.ts"
import { sessionFunctions, shareSessions } from "./admin/shared-sessions.ts"
import { createRecorder } from "./admin/worker-numbers.ts"
import { createApp } from "./app.ts"
import { createAuth } from "./auth/index.ts"
import { mergeReloaded, type Config, type Environment, type Reloaded } from "./config/index.ts"
import { createDemo } from "./demo/index.ts"
import { createGateway } from "./gateway/index.ts"
import type { Address } from "./guard.ts"
import { createHttpServer } from "./http-server.ts"
import { activatedSockets, listen, type Endpoint } from "./listen.ts"
import { defaultLog } from "./log-address.ts"
import type { Logger } from "./logger.ts"
import { createPresence } from "./presence.ts"
import { createCounting, createScrape } from "./metrics/index.ts"
import { printable } from "./printable.ts"
import { limitReports } from "./reports.ts"
import { createRequestLog } from "./request-log.ts"
import { openStore } from "./store.ts"
import { startTracing } from "./tracing.ts"
import { UsageError } from "./usage-error.ts"
import { version } from "./version.ts"
import { connectPeers } from "./worker-calls.ts"
import { createWebhooks, needPresence, resolveWebhooks, watchedBy } from "./webhooks/index.ts"

/** Time after the streams' end until the remaining connections are cut, in ms. */
const CUT_AFTER_MS = 2_500

/** A hub that listens. */
export interface HubServer {
  readonly address: Address
  /** The address of the admin port, if there is one. */
  readonly admin: Address | undefined
  /** Where its log is, as text for people. */
  readonly place: string
  /** Applies the settings that can change without a restart. */
  reload(next: Config): Reloaded
  /** Ends all streams and closes everything. Acknowledged messages are kept. */
  close(): Promise<void>
}

/** Starts a hub server. Rejects with an `OnwardError` if the log fails, otherwise with the system's error. */
export async function startServer(first: Config, logger: Logger, env: Environment = {}): Promise<HubServer> {
  let config = first
  const onError = logger.report
  makeFolders(config)
  const { limits, presence: counted, drain } = config
  const store = await openStore(config.log, config.retention)
  const { log, place } = store
  let address: Address = { host: config.host, port: config.port }
  let isDraining = false
  const undo: (() => unknown)[] = [() => log.close(), () => store.disconnect?.()]
  const undoAll = async (): Promise<void> => {
    for (const step of undo) await step()
  }
  const peers = connectPeers(sessionFunctions)
  undo.unshift(() => peers.close())
  const adminPlace = placeOfAdmin(config, env)
  const hooks = resolveWebhooks(config.webhooks)
  const { topics: hookTopics, patterns: hookPatterns } = watchedBy(hooks)
  const counts = [...new Set([...counted, ...hookTopics, ...hookPatterns])]
  // without an admin port nothing is counted
  const counting =
    adminPlace &&
    createCounting({ topics: config.metrics.topics, presence: counts, hasMercure: config.mercure !== undefined })
  const recorder = counting && createRecorder(counting)
  const closing = new AbortController()
  undo.unshift(() => closing.abort())
  try {
    const webhooks =
      hooks.length > 0
        ? await createWebhooks({ hooks, openQueue: () => store.openWebhooks(), report: onError })
        : undefined
    if (webhooks) undo.unshift(() => webhooks.close())
    const tracing = config.tracing ? await startTracing(logger) : undefined
    const observers = [recorder, counting, tracing, webhooks].filter((each) => each !== undefined)
    const hub = openHub({
      log,
      onError,
      ...(observers.length > 0 && {
        observe(observation) {
          for (const each of observers) each.observe(observation)
        },
      }),
      heartbeat: config.heartbeat,
      stallTimeout: config.stallTimeout,
      ...(config.maxStreamAge !== undefined && { maxStreamAge: config.maxStreamAge }),
      limits: {
        connections: limits.streams,
        connectionsPerKey: limits.streamsPerAddress,
        topics: limits.topics,
        patterns: limits.patterns,
        patternBytes: limits.patternBytes,
        patternsPerKey: limits.patternsPerAddress,
        // a body of 1 MiB fits with the id that the hub gives it
        ...(config.mercure && { messageBytes: 1024 ** 2 + 1024 }),
      },
      ...(counts.length > 0 && { presence: { patterns: counts, grace: config.presenceGrace } }),
    })
    undo.unshift(() => hub.close())
    if (webhooks && needPresence(hooks)) webhooks.watch(hub.presence)
    const { publicUrls } = config
    const auth =
      config.auth &&
      (await createAuth(config.auth, {
        openLog: (keep) => store.openControl(keep),
        publicUrls,
        onError,
        observer: counting?.requests,
      }))
    if (auth) undo.unshift(() => auth.stop())
    const presence =
      counted.length > 0
        ? createPresence(hub.presence, {
            maxStreams: limits.presenceStreams,
            maxTopics: limits.topics,
            retry: config.retry,
            auth,
            ...(counting && { onStream: (res) => counting.streams.watch("presence", res) }),
            onError,
          })
        : undefined
    // loaded only when it is needed, because its regular expressions are large
    const mercure =
      config.mercure &&
      (await import("./mercure/index.ts")).createMercure({
        hub,
        log,
        auth,
        settings: config.mercure,
        publicUrls,
        isTls: config.tls !== undefined,
        retry: config.retry,
        bodiesBytes: limits.bodiesBytes,
        onError,
        observer: counting?.mercure,
      })
    if (mercure) undo.unshift(() => mercure.close())
    const accessLog = config.accessLog === undefined ? undefined : openAccessLog(ofWorker(config.accessLog), onError)
    undo.unshift(() => accessLog?.close())
    const requestLog = createRequestLog((visit) => {
      counting?.requests.visit(visit)
      accessLog?.write(visit)
      const { method, target, status, ...rest } = visit
      if (!logger.prints("debug")) return
      logger.log("debug", printable(`${method} ${target} ${status}`), { method, target, status, ...rest })
    }, tracing?.bind)
    const demo =
      config.demo && accessLog ? await createDemo({ hub, log, accessLogPath: accessLog.path, onError }) : undefined
    if (demo) undo.unshift(() => demo.close())
    // in a separate log, which clients cannot subscribe to
    const gateway =
      config.gateway.upstreams.length > 0
        ? createGateway({
            ...config.gateway,
            log: await store.openRuns(),
            ...(counting && { onRunEvent: (path, event) => counting.runs.run(path, event) }),
            onError,
          })
        : undefined
    if (gateway) undo.unshift(() => gateway.close())
    const makeApp = () =>
      createApp({
        hub,
        log,
        config,
        requestLog,
        address: () => address,
        isDraining: () => isDraining,
        demo,
        gateway,
        presence,
        auth,
        refusals: counting?.requests,
        mercure,
        onError,
      })
    let app = makeApp()
    const http = createHttpServer(
      { headBytes: limits.headBytes, keepAlive: config.keepAlive, tls: config.tls, onError: limitReports(onError) },
      tracing ? (req, res) => tracing.run(req, () => app(req, res)) : (req, res) => app(req, res),
    )
    const sockets = activatedSockets(env)
    address = await listen(http.server, sockets.hub === undefined ? address : { fd: sockets.hub })
    undo.unshift(() => {
      const closed = http.close()
      http.closeAllConnections()
      return closed
    })
    const scrape = counting && (await createScrape({ hub, store, counting, webhooks, version: version() }))
    let admin: Address | undefined
    const adminServer =
      recorder &&
      scrape &&
      createAdmin({
        hub,
        store,
        config,
        auth,
        recorder,
        webhooks,
        scrape,
        peers,
        sessions: shareSessions(peers),
        address: () => admin ?? { host: config.admin.host, port: config.admin.port ?? 0 },
        hubUrl: () => urlOf(config, address),
        isDraining: () => isDraining,
        closing: closing.signal,
        onSignIn: (line) => logger.log("info", line),
        onError: limitReports(onError),
      })
    if (adminPlace && adminServer) admin = await listen(adminServer, adminPlace)
    return {
      address: { host: sockets.hub === undefined ? config.host : address.host, port: address.port },
      admin,
      place,
      reload(next) {
        http.reloadCertificate()
        const reloaded = mergeReloaded(config, next)
        // first, because it throws for invalid settings, and then nothing may change
        if (reloaded.config.auth && isOfAuth(reloaded)) auth?.reload(reloaded.config.auth)
        if (reloaded.applied.includes("webhooks")) webhooks?.reload(resolveWebhooks(reloaded.config.webhooks))
        config = reloaded.config
        logger.setLevel(config.logLevel)
        app = makeApp()
        return reloaded
      },
      async close() {
        isDraining = true
        await sleep(drain.delay)
        // first, no new connections: an EventSource retries if it cannot connect, and stops if it is refused
        const closed = http.close()
        // the timer also keeps the process alive while it drains
        presence?.close()
        closing.abort()
        const timer = setTimeout(() => http.closeAllConnections(), drain.duration + CUT_AFTER_MS)
        await Promise.all([demo?.close(), gateway?.close(), hub.drain({ duration: drain.duration }), closed])
        adminServer?.close().closeAllConnections()
        await undoAll()
        clearTimeout(timer)
      },
    }
  } catch (error) {
    await undoAll()
    throw error
  }
}

/** The URL by which clients reach the hub. */
function urlOf({ publicUrls, tls }: Config, { host, port }: Address): string {
  const [known] = publicUrls
  if (known !== undefined) return known
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `${tls ? "https" : "http"}://${name.includes(":") ? `[${name}]` : name}:${port}`
}

/** Where the admin port listens; undefined for a hub without one. */
function placeOfAdmin({ admin: { host, port } }: Config, env: Environment): Endpoint | undefined {
  const { admin: fd } = activatedSockets(env)
  if (fd !== undefined) return { fd }
  return port === undefined ? undefined : { host, port }
}

const isOfAuth = ({ applied }: Reloaded): boolean => applied.some((name) => name.startsWith("auth."))

/** Creates the folders of files that are in the data folder by default. A log creates its own folder. */
function makeFolders({ data, log, accessLog }: Config): void {
  if (log === defaultLog(data)) mkdirSync(data, { recursive: true })
  if (accessLog !== undefined) mkdirSync(dirname(accessLog), { recursive: true })
}

/** Returns the path of a worker's access log, `access.1.log`: each worker rotates its own. */
const ofWorker = (path: string): string =>
  cluster.worker ? path.replace(/(\.[^./]+)?$/, (end) => `.${cluster.worker?.id}${end}`) : path

function openHub(options: HubOptions): Hub {
  try {
    return createHub(options)
  } catch (error) {
    if (!(error instanceof OnwardError) || error.code !== "invalid_selector") throw error
    throw new UsageError(`--presence: ${error.message}`)
  }
}
