import type { IncomingMessage, ServerResponse } from "node:http"
import type { Hub, Log } from "onward"
import type { Auth, AuthObserver } from "../auth/index.ts"
import { createBodies } from "../body.ts"
import { FORM, formPairs, mediaTypeOf } from "../form.ts"
import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import { READ, STREAM, WRITE, type Route } from "../route.ts"
import type { Throttle } from "../throttle.ts"
import { fromLatin1, type Parameters } from "./asked.ts"
import { createIdentify, type Identified } from "./identify.ts"
import { createPlaces, metadataPathOf, resourcesOf, type Place } from "./place.ts"
import { createPublish } from "./publish.ts"
import type { MercureSettings } from "./setting.ts"
import { createSubscribe } from "./subscribe.ts"
import { createSubscribers, type SubscribersObserver } from "./subscribers.ts"
import { createSubscriptionApi } from "./subscription-api.ts"
import { createTokens } from "./tokens.ts"

/** Largest body, in bytes. */
const MAX_BODY = 1024 ** 2
/** Most parameters in the body of a QUERY request: twice the selectors that a stream can have. */
const MAX_PARAMETERS = 2_000

export interface MercureOptions {
  readonly hub: Hub
  readonly log: Log
  /** Ends streams whose token expires. @default tokens are not accepted */
  readonly auth: Auth | undefined
  readonly settings: MercureSettings
  readonly publicUrls: readonly string[]
  readonly isTls: boolean
  /** The reconnect delay of clients, in ms. */
  readonly retry: number
  /** Maximum size of all bodies handled at once, in bytes. */
  readonly bodiesBytes: number
  readonly onError: (error: unknown) => void
  /** @default not told */
  readonly observer?: MercureObserver | undefined
  /** The time in ms since 1970. @default Date.now */
  readonly now?: () => number
}

/** Is told what the endpoint does, for metrics. */
export interface MercureObserver extends AuthObserver, SubscribersObserver {}

/** A route as descriptions of the hub name it. */
export interface DescribedRoute {
  readonly path: string
  /** What the route is; its path depends on `mercure.path`. */
  readonly operation: "mercure" | "mercure/subscriptions" | "mercure/subscription" | "mercure/metadata"
  readonly methods: readonly string[]
}

/** The endpoint of the Mercure protocol, in both its dialects (HUB of dunglas/mercure 0.x, draft-dunglas-mercure-08). */
export interface Mercure {
  /** The paths of its endpoints, with parameters in braces, and their methods: for a description of the hub. */
  readonly described: readonly DescribedRoute[]
  /** Returns a function that finds the route of a path; undefined for a path of the rest of the hub. */
  routesWith(throttle: Throttle): (path: string) => Route | undefined
  /** Tells of the end of all streams. */
  close(): Promise<void>
}

/** Creates the Mercure endpoint. Throws `UsageError` for settings that cannot be used. */
export function createMercure(options: MercureOptions): Mercure {
  const { hub, log, auth, settings, publicUrls, isTls, retry, bodiesBytes, onError, observer, now = Date.now } = options
  const { path } = settings
  const placeOf = createPlaces({ settings, publicUrls, isTls })
  const tokens = createTokens({ settings, resources: resourcesOf(settings, publicUrls), onError, observer, now })
  const identify = createIdentify(settings, tokens, observer)
  const bodies = createBodies({ maxBytes: MAX_BODY, totalBytes: bodiesBytes })
  const publish = createPublish({ hub, auth, settings, tokens, identify, bodies })
  const root = `${path}/subscriptions`
  const subscribers = settings.subscriptions
    ? createSubscribers({ hub, root, grace: settings.grace, observer })
    : undefined
  const subscribe = createSubscribe({ hub, log, auth, settings, identify, subscribers, retry })
  const api = subscribers && createSubscriptionApi({ settings, tokens, identify, subscribers, root })

  async function answer(req: IncomingMessage, res: ServerResponse, throttle: Throttle): Promise<void> {
    const { query, ...request } = identified(req)
    if (req.method === "POST") return publish({ ...request, res, throttle })
    const parameters = req.method === "QUERY" ? [...query, ...(await bodyOf(req, res))] : query
    return subscribe({ ...request, res, parameters })
  }

  function identified(req: IncomingMessage): Identified & { readonly query: Parameters } {
    const query = queryOf(req)
    return { req, query, place: placeOf(req), inQuery: query.find(([name]) => name === "authorization")?.[1] }
  }

  /** The parameters in the body of a QUERY request (RFC 10008). */
  async function bodyOf(req: IncomingMessage, res: ServerResponse): Promise<Parameters> {
    if (mediaTypeOf(req.headers["content-type"]) !== FORM) {
      throw new HttpError(415, "unsupported_media_type", `The body must be ${FORM}.`, { "accept-query": FORM })
    }
    return bodies.read(req, res, async (text) => {
      const parameters: [name: string, value: string][] = []
      for (const parameter of formPairs(text)) {
        // millions of them fit into a body
        if (parameters.push(parameter) > MAX_PARAMETERS)
          throw new HttpError(
            400,
            "invalid_request",
            `The body has more than ${MAX_PARAMETERS} parameters. Send fewer.`,
          )
      }
      return parameters
    })
  }

  const metadataRoute: Route = {
    methods: READ,
    isOpen: true,
    answer: (req, res) => sendJson(res, 200, metadataOf(placeOf(req), settings)),
  }
  const apiRoute: Route | undefined = api && {
    methods: READ,
    isOpen: true,
    isPlain: true,
    shown: `${root}/***`,
    answer: (req, res) => api(req, res, identified(req)),
  }
  const hasTokens = tokens.accepts("publish") || tokens.accepts("subscribe")
  return {
    described: [
      { path, operation: "mercure", methods: [...STREAM, ...WRITE] },
      ...(apiRoute
        ? [
            { path: root, operation: "mercure/subscriptions" as const, methods: READ },
            { path: `${root}/{selector}`, operation: "mercure/subscriptions" as const, methods: READ },
            { path: `${root}/{selector}/{subscriber}`, operation: "mercure/subscription" as const, methods: READ },
          ]
        : []),
      ...(hasTokens ? [{ path: metadataPathOf(path), operation: "mercure/metadata" as const, methods: READ }] : []),
    ],
    routesWith(throttle) {
      const hubRoute: Route = {
        methods: [...STREAM, ...WRITE],
        isOpen: true,
        isPlain: true,
        answer: (req, res) => answer(req, res, throttle),
      }
      return (asked) => {
        if (asked === path) return hubRoute
        if (apiRoute && (asked === root || asked.startsWith(`${root}/`))) return apiRoute
        return hasTokens && asked === metadataPathOf(path) ? metadataRoute : undefined
      }
    },
    close: async () => subscribers?.close(),
  }
}

/** The parameters of a query, of which Node read the bytes as Latin-1. */
function queryOf({ url = "" }: IncomingMessage): Parameters {
  const at = url.indexOf("?")
  return at < 0 ? [] : [...formPairs(fromLatin1(url.slice(at + 1)))]
}

/** The metadata of the hub as a protected resource (RFC 9728 section 2). Throws `HttpError` 421. */
function metadataOf({ resource, url }: Place, { issuers, cookie, subscriptions }: MercureSettings): object {
  if (resource === undefined) {
    throw new HttpError(421, "misdirected_request", "The hub has no resource with this host. Use a host of publicUrls.")
  }
  const servers = issuers.map(({ issuer }) => issuer).filter((issuer) => URL.canParse(issuer))
  return {
    resource,
    ...(servers.length > 0 && { authorization_servers: servers }),
    bearer_methods_supported: ["header"],
    authorization_details_types_supported: ["https://mercure.rocks/authorization-detail"],
    mercure_cookie: cookie,
    mercure_matcher_types_supported: ["exact", "urlpattern"],
    ...(subscriptions && { mercure_subscriptions: `${url}/subscriptions` }),
  }
}
