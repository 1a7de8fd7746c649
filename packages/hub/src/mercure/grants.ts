import type { JWTPayload } from "jose"
import { shown, unauthenticated, type Action } from "../auth/index.ts"
import { compileSelector, type MatchType } from "./selectors/selector.ts"

/** A selector that a token grants, before it is compiled. */
export interface Grant {
  readonly type: MatchType
  readonly value: string
}

/** The grants of a token, and what it says about its subscriber. */
export interface TokenGrants extends Readonly<Record<Action, readonly Grant[]>> {
  /** Payloads for subscription events: the first one with a grant that matches the selector counts. */
  readonly payloads: readonly { readonly grants: readonly Grant[]; readonly payload: unknown }[]
}

/** Grants in a line of the log. */
export function showGrants(grants: readonly Grant[]): string {
  const some = grants.slice(0, MAX_SHOWN).map(({ value }) => shown(value))
  return `[${some.join(", ")}${grants.length > MAX_SHOWN ? `, and ${grants.length - MAX_SHOWN} more` : ""}]`
}

const MAX_SHOWN = 10
/** Most selectors that a token may grant for one action. */
const MAX_GRANTS = 1_000
const DETAIL = "https://mercure.rocks/authorization-detail"
const NAMESPACE = "https://mercure.rocks/"

/** Reads the claim of a token of Mercure 0.x: `{ publish, subscribe, payload }`. Throws `AuthRefusal` for a malformed one. */
export function legacyGrants(claims: JWTPayload): TokenGrants {
  const name = NAMESPACE in claims ? NAMESPACE : "mercure"
  const claim = claims[name] ?? {}
  if (!isObject(claim)) throw unauthenticated(`the claim ${name} is not an object`)
  const listOf = (action: Action): Grant[] => {
    const list = claim[action] ?? []
    if (!Array.isArray(list) || !list.every((each) => typeof each === "string")) {
      throw unauthenticated(`${name}.${action} is not a list of texts`)
    }
    checkCount(list.length)
    return list.map((value) => ({ type: "topic", value }))
  }
  const { payload } = claim
  return {
    publish: listOf("publish"),
    subscribe: listOf("subscribe"),
    payloads: payload === undefined ? [] : [{ grants: [{ type: "topic", value: "*" }], payload }],
  }
}

/**
 * Reads the `authorization_details` of a token of Mercure 1.0 (RFC 9396). Details of other types are skipped. One detail that is malformed makes
 * the whole token invalid: a part of what an issuer meant could be more than it meant.
 * @param base the URL against which relative patterns are resolved
 * @throws AuthRefusal
 */
export function grantsOfDetails(claims: JWTPayload, base: string): TokenGrants {
  const details = claims["authorization_details"] ?? []
  if (!Array.isArray(details)) throw unauthenticated("authorization_details is not a list")
  const own = details.filter((detail) => !isObject(detail) || !("type" in detail) || detail["type"] === DETAIL)
  const read = own.map((detail) => readDetail(detail, base))
  const grants = { publish: grantsFor(read, "publish"), subscribe: grantsFor(read, "subscribe") }
  const payloads = read
    .filter(({ actions, payload }) => actions.includes("subscribe") && payload !== undefined)
    .map(({ topics, payload }) => ({ grants: topics, payload }))
  return { ...grants, payloads }
}

interface Detail {
  readonly actions: readonly string[]
  readonly topics: readonly Grant[]
  readonly payload: unknown
}

function readDetail(detail: unknown, base: string): Detail {
  if (!isObject(detail) || detail["type"] !== DETAIL) throw malformed("it is not an object with a type")
  const { actions, topics, payload } = detail
  if (!isFullList(actions) || !actions.every((action) => typeof action === "string" && action !== "")) {
    throw malformed("actions is not a list of texts")
  }
  if (!isFullList(topics)) throw malformed("topics is not a list")
  return { actions: actions as string[], topics: topics.map((topic) => readTopic(topic, base)), payload }
}

function readTopic(topic: unknown, base: string): Grant {
  if (!isObject(topic)) throw malformed("a topic is not an object")
  const { match, match_type: type = "exact" } = topic
  if (typeof match !== "string" || match === "") throw malformed("a topic has no match")
  if (type !== "exact" && type !== "urlpattern") throw malformed("the match_type of a topic is unknown")
  try {
    compileSelector(type, match, base)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw malformed(`the URL pattern of a topic is invalid: ${error.message}`)
  }
  return { type, value: match }
}

function grantsFor(details: readonly Detail[], action: Action): Grant[] {
  const grants = details.flatMap(({ actions, topics }) => (actions.includes(action) ? topics : []))
  checkCount(grants.length)
  return grants
}

function checkCount(count: number): void {
  if (count > MAX_GRANTS)
    throw unauthenticated(`the token has ${count} grants for one action, and may have ${MAX_GRANTS}`)
}

const malformed = (why: string): Error => unauthenticated(`an authorization detail is malformed: ${why}`)

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isFullList = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length > 0
