import type { IncomingMessage, ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import type { RequestLog } from "./request-log.ts"
import { AuthRefusal, authRoutes, gatewayOwner, type Auth } from "./auth/index.ts"
import { noteAddress } from "./caller.ts"
import { createCors } from "./cors.ts"
import { createBodies, hasBody } from "./body.ts"
import type { Demo } from "./demo/index.ts"
import { events } from "./events.ts"
import type { Gateway } from "./gateway/index.ts"
import { clientAddress, trustProxies } from "./forwarded.ts"
import { createGuard, type Address } from "./guard.ts"
import { HEALTH_PATHS, healthRoutes } from "./health.ts"
import { HttpError } from "./http-error.ts"
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
  /** Where the server listens, known once it does. */
  readonly address: () => Address
  /** Whether the hub was told to end. */
  readonly isDraining: () => boolean
  /** The page at `/` and its streams. @default none */
  readonly demo?: Demo | undefined
  /** What answers below `/v1/`. @default nothing */
  readonly gateway?: Gateway | undefined
  /** Finds out on whose behalf requests are made. @default every request may do everything */
  readonly auth?: Auth | undefined
  /** Answers which users are on a topic. @default not counted */
  readonly presence?: PresenceEndpoint | undefined
  readonly onError: (error: unknown) => void
}

/** The hub's HTTP interface: who may ask, what is asked, what is written down. */
export function createApp(options: AppOptions): (req: IncomingMessage, res: ServerResponse) => void {
  const { hub, log, config, requestLog, address, isDraining, demo, gateway, presence, auth } = options
  const { limits, trustedProxies } = config
  const cors = createCors(config.cors)
  const guard = createGuard(address, config.publicUrls)
  const isTrusted = trustProxies(trustedProxies)
  const onError = limitReports(options.onError)
  const reportRefusal = limitRefusals(options.onError)
  const bodies = createBodies({
    maxBytes: limits.bodyBytes,
    totalBytes: limits.bodiesBytes,
    limitName: "--max-body",
  })
  const publishing = { hub, bodies, throttle: createThrottle({ rate: limits.publishRate }) }
  const routes = new Map<string, Route>([
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
    ...(demo?.routes(bodies) ?? []),
  ])

  async function answer(req: IncomingMessage, res: ServerResponse, isKnown: (path: string) => void): Promise<void> {
    const target = targetOf(req)
    if (!target)
      throw new HttpError(400, "invalid_request", "The request's target is neither a path nor an http address.")
    const { url } = target
    const isForGateway = gateway?.owns(url.pathname) === true
    if (!isForGateway) cors.addHeaders(req, res)
    guard(req, {
      host: target.host,
      isListed: (origin) =>
        isForGateway
          ? gateway.origins.includes(origin)
          : cors.isListed(origin) || auth?.origins.includes(origin) === true,
      isByAnyName: HEALTH_PATHS.has(url.pathname),
    })
    const { method = "GET" } = req
    if (isForGateway) {
      isKnown(hideNames(url.pathname))
      return gateway.answer(req, res, auth && (() => gatewayOwner(auth, req, url)))
    }
    if (hasBody(req)) limitUpload(req, res)
    const route = routes.get(url.pathname)
    if (route && cors.answerPreflight(req, res, route.methods)) return isKnown(url.pathname)
    if (route) isKnown(url.pathname)
    else {
      if (READ.includes(method) && (await demo?.sendFile(res, url.pathname))) return isKnown(url.pathname)
      if (/^\/presence(?:\/events)?$/.test(url.pathname)) {
        throw new HttpError(
          404,
          "not_found",
          "Nobody is counted here: start the hub with --presence '*', or a pattern of topics.",
        )
      }
      throw new HttpError(404, "not_found", "There is nothing here: try /events?topic=…, /publish or /readyz.")
    }
    if (!route.methods.includes(method)) {
      const allow = route.methods.join(", ")
      throw new HttpError(405, "method_not_allowed", `Use ${allow}.`, { allow })
    }
    try {
      const found = route.isOpen ? undefined : auth?.authenticate(req, url)
      const principal = found instanceof Promise ? await found : found
      await route.answer(req, res, url, principal)
    } catch (error) {
      if (limits.refuse === "status" || route.methods !== STREAM || res.headersSent || !isSoft(req, error)) throw error
      onError(error)
      refuseSoftly(res, error)
    }
  }

  /** Only bodies for the gateway may take longer: those are files, and their pauses are limited instead. */
  function limitUpload(req: IncomingMessage, res: ServerResponse): void {
    const timer = setTimeout(() => {
      if (!req.complete) sendProblem(req, res, new HttpError(408, "upload_timeout", TOO_SLOW), onError)
    }, UPLOAD_MS)
    req.once("close", () => clearTimeout(timer))
  }

  return (req, res) => {
    if (trustedProxies.length > 0) noteAddress(req, clientAddress(req, isTrusted))
    const { isKnown } = requestLog.watch(req, res)
    // a client that leaves is no news
    req.on("error", () => {})
    answer(req, res, isKnown).catch((error: unknown) => {
      if (error instanceof AuthRefusal) reportRefusal(error)
      sendProblem(req, res, error, onError)
    })
  }
}

/** Words in the paths of providers; others are ids, of which some are all that it takes to read a response. */
const WORDS = /^(?:v1|chat|completions|responses|messages|cancel|input_items|models|embeddings|files|images|audio)$/

/** A path of the gateway for the access log. */
const hideNames = (path: string): string =>
  path
    .split("/")
    .map((segment) => (segment === "" || WORDS.test(segment) ? segment : "***"))
    .join("/")

/** How long a client may take to send a body, in ms. */
const UPLOAD_MS = 30_000
const TOO_SLOW = `The body did not arrive within ${UPLOAD_MS / 1_000} seconds. Send less at once.`
