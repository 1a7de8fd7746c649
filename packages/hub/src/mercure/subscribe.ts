import type { ServerResponse } from "node:http"
import type { Hub, Log, StartPoint } from "onward"
import type { Auth } from "../auth/index.ts"
import { callerOf } from "../caller.ts"
import { HttpError } from "../http-error.ts"
import { openStream } from "../open-stream.ts"
import { SECURITY_HEADERS } from "../respond.ts"
import { cursorOf, selectorsOf, toLatin1, type Parameters } from "./asked.ts"
import { dialectOf, type Dialect } from "./dialect.ts"
import { compileGrants } from "./granted.ts"
import type { Identify, Identified } from "./identify.ts"
import { refusalsOf } from "./refusals.ts"
import type { MercureSettings } from "./setting.ts"
import type { Subscribers } from "./subscribers.ts"

export interface SubscribingOptions {
  readonly hub: Hub
  readonly log: Log
  readonly auth: Auth | undefined
  readonly settings: MercureSettings
  readonly identify: Identify
  /** Announces connects and disconnects. @default they are not announced */
  readonly subscribers: Subscribers | undefined
  /** The reconnect delay of clients, in ms. */
  readonly retry: number
}

/** A request to subscribe: its parameters are those of the query and of a body. */
export interface Subscribing extends Identified {
  readonly res: ServerResponse
  readonly parameters: Parameters
}

/** How long a stream waits for its log before it begins without an answer, in ms. */
const CURSOR_TIMEOUT_MS = 5_000
/** The header that tells after which event a stream begins. */
const CURSOR_HEADERS: Readonly<Record<Dialect, string>> = { 0: "last-event-id", 1: "mercure-last-event-id" }

/** Handles `GET`, `HEAD` and `QUERY` on the hub: streams the updates that match. */
export function createSubscribe({
  hub,
  log,
  auth,
  settings,
  identify,
  subscribers,
  retry,
}: SubscribingOptions): (request: Subscribing) => Promise<void> {
  return async (request) => {
    const { req, res, place, parameters } = request
    let hasLeft = false
    res.once("close", () => (hasLeft = true))
    const dialect = dialectOf(parameters.map(([name]) => name))
    if (!settings.dialects.includes(dialect)) {
      throw new HttpError(400, "invalid_request", `This hub does not serve Mercure ${dialect}.x. See mercure.dialects.`)
    }
    const { token } = await identify.reader(request, dialect)
    if (!token) checkAnonymous(request, dialect)
    const selectors = await selectorsOf(parameters, dialect, place.base)
    if (hasLeft) return
    const isHead = req.method === "HEAD"
    const session = token && auth && !isHead ? auth.open(token.principal, []) : undefined
    if (session) res.once("close", () => auth?.close(session))
    const may = token && compileGrants(token.grants.subscribe, place.base).map(({ matcher }) => matcher)
    const { userId } = token?.principal ?? {}
    const id = cursorOf(req, parameters, dialect)
    const { found, subscription } = await hub
      .subscribe({
        matchers: selectors.map(({ matcher }) => matcher),
        ...(may && may.length > 0 && { may }),
        limitKey: callerOf(req),
        label: `mercure${dialect}`,
        unknownId: settings.unknownId,
        ...(userId !== undefined && { userId }),
        ...(session && { signal: session.signal }),
      })
      .resolve(await startAfter(id), { timeout: CURSOR_TIMEOUT_MS })
    if (hasLeft) return
    if (subscribers && !isHead) {
      // throws if the subscription is refused, before others are told of it
      subscription.open()
      await subscribers.join(res, { selectors, token, base: place.base, isResuming: Boolean(id) })
      if (hasLeft) return
    }
    openStream(req, res, subscription, {
      retry,
      ignoreAccept: true,
      headers: {
        ...SECURITY_HEADERS,
        "cache-control": "private, no-cache, no-store, no-transform",
        ...cursorHeader(dialect, id, found),
      },
    })
  }

  /** A stream that is told of begins before that, because clients expect to be told of themselves. */
  async function startAfter(id: string | undefined): Promise<StartPoint | undefined> {
    if (id) return id === "earliest" ? id : { after: id }
    return subscribers && { after: (await log.bounds()).last }
  }

  function checkAnonymous({ place, parameters }: Subscribing, dialect: Dialect): void {
    const refusals = refusalsOf(dialect, place.metadata)
    if (!settings.anonymous) throw refusals.missingToken("there is no token, and mercure.anonymous is off")
    const isRequired = parameters.some(([name, value]) => name === "auth" && value === "required")
    if (isRequired) throw refusals.missingToken("there is no token, and the request has auth=required")
  }
}

function cursorHeader(dialect: Dialect, id: string | undefined, found: string): Record<string, string> {
  // Mercure 0.x answers only an id, Mercure 1.0 an empty one too
  if (id === undefined || (id === "" && dialect === 0)) return {}
  return { [CURSOR_HEADERS[dialect]]: found === "known" ? toLatin1(id) : "earliest" }
}
