import type { IncomingMessage, ServerResponse } from "node:http"
import { Readable } from "node:stream"
import { pipeline } from "node:stream/promises"
import { setImmediate as nextTurn } from "node:timers/promises"
import { HttpError } from "../http-error.ts"
import { SECURITY_HEADERS } from "../respond.ts"
import type { Dialect } from "./dialect.ts"
import { compileGrants } from "./granted.ts"
import { showGrants } from "./grants.ts"
import type { Identify, Identified } from "./identify.ts"
import { refusalsOf } from "./refusals.ts"
import type { MercureSettings } from "./setting.ts"
import type { Member, Subscribers } from "./subscribers.ts"
import { CONTEXT, dialectOfSubscription, documentOf } from "./subscription.ts"
import type { Tokens } from "./tokens.ts"

export interface SubscriptionApiOptions {
  readonly settings: MercureSettings
  readonly tokens: Tokens
  readonly identify: Identify
  readonly subscribers: Subscribers
  /** The path of the API. */
  readonly root: string
}

/** What a path asks for: all subscriptions, those with a selector, or the one of a subscriber. */
interface Asked {
  readonly type?: string
  readonly value?: string
  readonly subscriber?: string
}

/** Handles `GET` below `/subscriptions`: lists the subscriptions of all hubs that share the log. */
export function createSubscriptionApi({
  settings,
  tokens,
  identify,
  subscribers,
  root,
}: SubscriptionApiOptions): (req: IncomingMessage, res: ServerResponse, request: Identified) => Promise<void> {
  async function authorize(request: Identified, path: string, segments: readonly string[]): Promise<Dialect> {
    const isTyped = segments[0] === "exact" || segments[0] === "urlpattern"
    const standard: Dialect = (segments.length === 2 && isTyped) || segments.length === 3 ? 1 : 0
    const { dialect, token } = await identify.viewer(request, standard)
    const refusals = refusalsOf(dialect, request.place.metadata)
    if (!token) {
      if (settings.anonymous && !tokens.accepts("subscribe")) return dialect
      throw refusals.missingToken("there is no token, and the subscription API needs one")
    }
    const { subscribe } = token.grants
    if (compileGrants(subscribe, request.place.base).some((grant) => grant.matches(path))) return dialect
    const reason = `${token.principal.name} may subscribe to ${showGrants(subscribe)}, which does not match ${path.slice(0, 200)}`
    throw refusals.insufficientScope(reason)
  }

  return async (req, res, request) => {
    const [path = ""] = (req.url ?? "").split("?", 1)
    const segments = segmentsOf(path.slice(root.length))
    const dialect = await authorize(request, path, segments)
    const asked = askedBy(segments, dialect)
    const { members, last } = await subscribers.list()
    const found = documents(members, { asked, dialect, root })
    const single = asked.subscriber === undefined ? undefined : first(found)
    if (asked.subscriber !== undefined && !single) throw notFound()
    const tag = dialect === 0 ? last : `"${last.replaceAll(/["\\]/g, "\\$&")}"`
    const head = {
      ...SECURITY_HEADERS,
      "cache-control": "must-revalidate",
      etag: tag,
      ...(dialect === 1 && {
        link: `<${settings.path}>; rel="mercure"; last-event-id=${tag}; type="mercure"; content-type="application/json"`,
      }),
    }
    if (matchesTag(req.headers["if-none-match"], tag)) return void res.writeHead(304, head).end()
    const ends = dialect === 0 ? { "@context": CONTEXT, lastEventID: last } : {}
    res.writeHead(200, { ...head, "content-type": dialect === 0 ? "application/ld+json" : "application/json" })
    if (req.method === "HEAD") return void res.end()
    if (single) return void res.end(JSON.stringify({ ...ends, ...single }))
    const list = { ...ends, id: path, type: dialect === 0 ? "Subscriptions" : "subscriptions" }
    // a client that disconnects earlier is no error
    await pipeline(Readable.from(jsonOf(list, found)), res).catch(() => {})
  }
}

/** Fewest characters that are written at once. */
const PIECE_CHARS = 16_384

/** The JSON text of a list of any length, in pieces: one in each turn of the event loop, when the client has read those before. */
async function* jsonOf(list: object, documents: Iterable<object>): AsyncGenerator<string> {
  let text = `${JSON.stringify(list).slice(0, -1)},"subscriptions":[`
  let separator = ""
  for (const document of documents) {
    text += separator + JSON.stringify(document)
    separator = ","
    if (text.length < PIECE_CHARS) continue
    yield text
    text = ""
    await nextTurn()
  }
  yield `${text}]}`
}

function first<T>(all: Iterable<T>): T | undefined {
  for (const each of all) return each
  return undefined
}

const notFound = (): HttpError => new HttpError(404, "not_found", "There is no such subscription.")

/** The decoded segments of a path. Throws `HttpError` 400 for a malformed escape. */
function segmentsOf(path: string): string[] {
  if (path === "" || path === "/") return []
  try {
    return path.slice(1).split("/").map(decodeURIComponent)
  } catch {
    throw new HttpError(400, "invalid_request", "The path is not valid percent-encoded UTF-8.")
  }
}

/** Throws `HttpError` for a path that the API of this dialect does not have. */
function askedBy(segments: readonly string[], dialect: Dialect): Asked {
  const [first, second, third] = segments
  if (first === undefined) return {}
  if (dialect === 0) {
    if (segments.length > 2) throw notFound()
    return { type: "topic", value: first, ...(second !== undefined && { subscriber: second }) }
  }
  if (first !== "exact" && first !== "urlpattern") {
    throw new HttpError(400, "invalid_request", "The match type is unknown. Use exact or urlpattern.")
  }
  if (second === undefined || segments.length > 3) throw notFound()
  return { type: first, value: second, ...(third !== undefined && { subscriber: third }) }
}

function* documents(
  members: readonly Member[],
  { asked, dialect, root }: { readonly asked: Asked; readonly dialect: Dialect; readonly root: string },
): Generator<object> {
  const { type, value, subscriber: wanted } = asked
  for (const { id: subscriber, subscriptions } of members) {
    if (wanted !== undefined && wanted !== subscriber) continue
    for (const each of subscriptions) {
      if (dialectOfSubscription(each) !== dialect) continue
      if (type !== undefined && (each.type !== type || each.value !== value)) continue
      yield documentOf(each, { subscriber, root, active: true })
    }
  }
}

/** Whether `If-None-Match` names this tag (RFC 9110 section 13.1.2). */
const matchesTag = (header: string | undefined, tag: string): boolean =>
  header !== undefined &&
  (header.trim() === "*" || header.split(/\s*,\s*/).some((each) => each.replace(/^W\//, "") === tag))
