import type { IncomingMessage, ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import type { RequestLog } from "./request-log.ts"
import { AuthRefusal, authRoutes, gatewayCaller, type Auth } from "./auth/index.ts"
import { noteAddress } from "./caller.ts"
import { createCors } from "./cors.ts"
import { createBodies, hasBody } from "./body.ts"
import type { Demo } from "./demo/index.ts"
import { events } from "./events.ts"
import type { Gateway } from "./gateway/index.ts"
import { clientAddress } from "./forwarded.ts"
import { readNetworks } from "./networks.ts"
import { createGuard, type Address } from "./guard.ts"
import { HEALTH_PATHS, healthRoutes } from "./health.ts"
import { HttpError, toHttpError } from "./http-error.ts"
import type { RequestCounts } from "./metrics/index.ts"
import type { Mercure } from "./mercure/index.ts"
import { documentRoute } from "./openapi/document.ts"
import type { PresenceEndpoint } from "./presence.ts"
import { publish } from "./publish.ts"
import { limitRefusals } from "./refusal-reports.ts"
import { limitReports } from "./reports.ts"
import { targetOf } from "./target.ts"
import { createThrottle } from "./throttle.ts"
import type { Config } from "./config/index.ts"
import { isSoft, refuseSoftly } from "./soft-refusal.ts"
import { sendProblem } from "./respond.ts"
import { READ, STREAM, WRITE, type Route } from "./route.ts"

export interface AppOptions {
  readonly hub: Hub
  readonly log: Log
  readonly config: Config
  readonly requestLog: RequestLog
  /** Returns the address on which the server listens. */
  readonly address: () => Address
  /** Whether the hub is closing. */
  readonly isDraining: () => boolean
  /** The page at `/` and its streams. @default none */
  readonly demo?: Demo | undefined
  /** Handles paths below `/v1/`. @default none */
  readonly gateway?: Gateway | undefined
  /** Authenticates requests. @default every request is allowed */
  readonly auth?: Auth | undefined
  /** The Mercure endpoint. @default none */
  readonly mercure?: Mercure | undefined
  /** The endpoints of presence. @default none */
  readonly presence?: PresenceEndpoint | undefined
  /** Counts refusals: of credentials, of origins, and by limits. @default they are not counted */
  readonly refusals?: Pick<RequestCounts, "refuse" | "refuseCredential"> | undefined
  readonly onError: (error: unknown) => void
}

/** Creates the hub's request listener: guards, routes, limits and the request log. */
export function createApp(options: AppOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const { hub, log, config, requestLog, address, isDraining, demo, gateway, presence, auth, mercure, refusals } =
    options
  const { limits, trustedProxies } = config
  const cors = createCors(config.cors)
  const guard = createGuard(address, config.publicUrls)
  const isTrusted = readNetworks(trustedProxies)
  const onError = limitReports(options.onError)
  const reportRefusal = limitRefusals(options.onError)
  const bodies = createBodies({
    maxBytes: limits.bodyBytes,
    totalBytes: limits.bodiesBytes,
    limitName: "--max-body",
  })
  const throttle = createThrottle({ rate: limits.publishRate })
  const publishing = { hub, bodies, throttle }
  const mercureRoute = mercure?.routesWith(throttle)
  const api: [path: string, route: Route][] = [
    ["/publish", { methods: WRITE, answer: (req, res, _, principal) => publish(publishing, req, res, principal) }],
    ...healthRoutes({ hub, log, isDraining, hasNumbers: false }),
    [
      "/events",
      {
        methods: STREAM,
        answer(req, res, url, principal) {
          demo?.follow(req, res, url)
          events({ hub, auth, req, res, url, principal, retry: config.retry })
        },
      },
    ],
    ...(presence?.routes ?? []),
    ...(auth ? authRoutes(auth, bodies) : []),
  ]
  const routes = new Map<string, Route>([
    ...api,
    documentRoute({
      routes: api,
      mercure: mercure?.described ?? [],
      servers: config.publicUrls,
      hasAuth: auth !== undefined,
    }),
    ...(demo?.routes(bodies) ?? []),
  ])

  /**
   * Answers at once where it can: a promise for each of thousands of streams takes time.
   * @param onRoute called with the request's route, once it is known
   */
  function answer(
    req: IncomingMessage,
    res: ServerResponse,
    { isKnown, onRoute }: { readonly isKnown: (path: string) => void; readonly onRoute: (route: Route) => void },
  ): void | Promise<void> {
    const target = targetOf(req)
    if (!target)
      throw new HttpError(400, "invalid_request", "The request's target is neither a path nor an http address.")
    const { url } = target
    const isForGateway = gateway?.owns(url.pathname) === true
    const ofMercure = mercureRoute?.(url.pathname)
    if (ofMercure) onRoute(ofMercure)
    if (!isForGateway) cors.addHeaders(req, res)
    guard(req, {
      host: target.host,
      isListed: (origin) =>
        isForGateway
          ? gateway.origins.includes(origin)
          : // the Mercure endpoint checks the origins of requests with cookies itself
            ofMercure !== undefined || cors.isListed(origin) || auth?.origins.includes(origin) === true,
      isByAnyName: HEALTH_PATHS.has(url.pathname),
    })
    const { method = "GET" } = req
    if (isForGateway) {
      isKnown(hideNames(url.pathname))
      return gateway.answer(req, res, auth && (() => gatewayCaller(auth, req, url)))
    }
    if (hasBody(req)) limitUpload(req, res)
    const route = ofMercure ?? routes.get(url.pathname)
    if (route && cors.answerPreflight(req, res, route.methods)) return isKnown(route.shown ?? url.pathname)
    if (!route) return sendFile(req, res, url.pathname, isKnown)
    isKnown(route.shown ?? url.pathname)
    if (!route.methods.includes(method)) {
      const allow = route.methods.join(", ")
      throw new HttpError(405, "method_not_allowed", `Use ${allow}.`, { allow })
    }
    // what a stream does not read of its request would stay in memory as long as the stream, and end it after the time of an upload
    const finish = (): void => void req.resume()
    const refuse = (error: unknown): void => {
      const isStream = route.methods.includes("QUERY")
      if (limits.refuse === "status" || !isStream || res.headersSent || !isSoft(req, error)) throw error
      onError(error)
      refusals?.refuse(toHttpError(error).code)
      refuseSoftly(res, error)
    }
    try {
      const found = route.isOpen ? undefined : auth?.authenticate(req, url)
      const answered =
        found instanceof Promise
          ? found.then((principal) => route.answer(req, res, url, principal))
          : route.answer(req, res, url, found)
      if (answered instanceof Promise) return answered.then(finish).catch(refuse)
      finish()
    } catch (error) {
      refuse(error)
    }
  }

  /** A path without a route can be a file of the demo page. */
  async function sendFile(
    { method = "GET" }: IncomingMessage,
    res: ServerResponse,
    path: string,
    isKnown: (path: string) => void,
  ): Promise<void> {
    if (READ.includes(method) && (await demo?.sendFile(res, path))) return isKnown(path)
    if (/^\/presence(?:\/events)?$/.test(path)) {
      throw new HttpError(
        404,
        "not_found",
        "Presence is disabled. Enable it with --presence '*', or with a pattern of topics.",
      )
    }
    throw new HttpError(404, "not_found", "The path does not exist. Use /events?topic=…, /publish or /readyz.")
  }

  /** Limits the time of an upload. Bodies for the gateway can be files, so only their pauses are limited. */
  function limitUpload(req: IncomingMessage, res: ServerResponse): void {
    const timer = setTimeout(() => {
      if (!req.complete) sendProblem(req, res, new HttpError(408, "upload_timeout", TOO_SLOW), { onError })
    }, UPLOAD_MS)
    req.once("close", () => clearTimeout(timer))
  }

  return (req, res) => {
    if (trustedProxies.length > 0) noteAddress(req, clientAddress(req, isTrusted))
    const { isKnown } = requestLog.watch(req, res)
    let isPlain = false
    const onRoute = (route: Route): void => void (isPlain = route.isPlain === true)
    // a disconnect is not an error
    req.on("error", ignore)
    const fail = (error: unknown): void => {
      if (error instanceof AuthRefusal) {
        reportRefusal(error)
        refusals?.refuseCredential(error.method, error.outcome)
      }
      const { status, code } = toHttpError(error)
      if (REFUSED.has(status)) refusals?.refuse(code)
      sendProblem(req, res, error, { onError, isPlain })
    }
    try {
      answer(req, res, { isKnown, onRoute })?.catch(fail)
    } catch (error) {
      fail(error)
    }
  }
}

/** One function for all requests, because a closure would keep what else its request needed. */
const ignore = (): void => {}

/** Segments of providers' paths that can be logged. All others are ids, some of which are enough to read a response. */
const WORDS = /^(?:v1|chat|completions|responses|messages|cancel|input_items|models|embeddings|files|images|audio)$/

/** Hides the ids in a path of the gateway, for the access log. */
const hideNames = (path: string): string =>
  path
    .split("/")
    .map((segment) => (segment === "" || WORDS.test(segment) ? segment : "***"))
    .join("/")

/** Statuses that refuse a client, other than errors in what it sent: by its credential, its origin, or a limit. */
const REFUSED = new Set([401, 403, 408, 413, 429, 431, 503])

/** Maximum time of an upload, in ms. */
const UPLOAD_MS = 30_000
const TOO_SLOW = `The body did not arrive within ${UPLOAD_MS / 1_000} seconds. Send less at once.`
