import { randomUUID } from "node:crypto"
import type { ServerResponse } from "node:http"
import { setImmediate as nextTurn } from "node:timers/promises"
import { OnwardError, type Hub, type Message } from "onward"
import { shown, type Auth } from "../auth/index.ts"
import type { Bodies } from "../body.ts"
import { callerOf } from "../caller.ts"
import { HttpError } from "../http-error.ts"
import { SECURITY_HEADERS } from "../respond.ts"
import type { Throttle } from "../throttle.ts"
import { compileGrants } from "./granted.ts"
import { showGrants } from "./grants.ts"
import type { Identify, Identified } from "./identify.ts"
import { refusalsOf } from "./refusals.ts"
import type { Selector } from "./selectors/selector.ts"
import type { MercureSettings } from "./setting.ts"
import type { Tokens } from "./tokens.ts"
import { readUpdate, type Update } from "./update.ts"

export interface PublishingOptions {
  readonly hub: Hub
  readonly auth: Auth | undefined
  readonly settings: MercureSettings
  readonly tokens: Tokens
  readonly identify: Identify
  readonly bodies: Bodies
}

/** A request to publish. */
export interface Publishing extends Identified {
  readonly res: ServerResponse
  readonly throttle: Throttle
}

const HEAD = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" }
/** Characters of a body that count as much as one request, and the same for its topics. */
const CHARS_A_UNIT = 4_096
const TOPICS_A_UNIT = 20
/** Comparisons of a topic with a grant in one turn of the event loop. */
const COMPARED_A_TURN = 10_000

/** Handles `POST` on the hub: stores an update and responds with its id. */
export function createPublish({
  hub,
  auth,
  settings,
  tokens,
  identify,
  bodies,
}: PublishingOptions): (request: Publishing) => Promise<void> {
  const { path, repeatedIds } = settings

  return async (request) => {
    const { req, res, throttle } = request
    if (!tokens.accepts("publish")) {
      throw new HttpError(405, "method_not_allowed", "This hub has no key for publishers. Set mercure.publisher.key.", {
        allow: "GET, HEAD, QUERY",
      })
    }
    const { place } = request
    const { dialect, token } = await identify.publisher(request)
    auth?.admit(token.principal)
    const caller = callerOf(req)
    await throttle.admit(caller)
    await bodies.read(req, res, async (body) => {
      throttle.spend(caller, body.length / CHARS_A_UNIT)
      const update = readUpdate(req.headers["content-type"], body, { dialect, base: place.base, path })
      throttle.spend(caller, update.topics.length / TOPICS_A_UNIT)
      const grants = compileGrants(token.grants.publish, place.base)
      const refused = await firstNotGranted(update.topics, grants)
      if (refused !== undefined) {
        const reason = `${token.principal.name} may publish ${showGrants(token.grants.publish)}, not "${shown(refused)}"`
        throw refusalsOf(dialect, place.metadata).insufficientScope(reason)
      }
      const id = await store(update)
      res.writeHead(200, { ...SECURITY_HEADERS, ...HEAD, "content-length": String(Buffer.byteLength(id)) }).end(id)
    })
  }

  /** Stores an update with its own id, or if the hub gives that id another meaning, with a new one. */
  async function store(update: Update): Promise<string> {
    const message = toMessage(update)
    const options = { anyTopic: true, repeatedIds }
    const retrying = { ...message, id: newId() }
    if (update.id === undefined) return idOf(await hub.publishResults([retrying], options))
    try {
      return idOf(await hub.publishResults([{ ...message, id: update.id }], options))
    } catch (error) {
      if (!(error instanceof OnwardError) || error.code !== "invalid_message") throw error
      return idOf(await hub.publishResults([retrying], options))
    }
  }
}

const idOf = ([result]: readonly { readonly id: string }[]): string => result?.id ?? ""

const newId = (): string => `urn:uuid:${randomUUID()}`

function toMessage({ topics: [topic, ...also], data, isPrivate, type, retry }: Update): Message {
  return {
    topic,
    data,
    ...(also.length > 0 && { also }),
    ...(isPrivate && { private: true }),
    ...(type !== undefined && { event: type }),
    ...(retry !== undefined && { retry }),
  }
}

/** The first topic that no grant matches. */
async function firstNotGranted(topics: readonly string[], grants: readonly Selector[]): Promise<string | undefined> {
  let compared = 0
  for (const topic of topics) {
    compared += grants.length
    if (compared > COMPARED_A_TURN) {
      compared = 0
      await nextTurn()
    }
    if (!grants.some((grant) => grant.matches(topic))) return topic
  }
  return undefined
}
