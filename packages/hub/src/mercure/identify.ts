import type { IncomingMessage } from "node:http"
import { AuthRefusal, type Action, type AuthObserver } from "../auth/index.ts"
import { dialectOfToken, findToken, type Credential } from "./credentials.ts"
import type { Dialect } from "./dialect.ts"
import { foreignPage } from "./page-origin.ts"
import type { Place } from "./place.ts"
import { refusalsOf } from "./refusals.ts"
import type { MercureSettings } from "./setting.ts"
import type { MercureToken, Tokens } from "./tokens.ts"

/** A request whose token is looked for. */
export interface Identified {
  readonly req: IncomingMessage
  readonly place: Place
  /** The value of `authorization` in the query. */
  readonly inQuery: string | undefined
}

/** The token of a request, verified, and the dialect in which the request is answered. */
export interface Identity {
  readonly dialect: Dialect
  readonly token: MercureToken | undefined
}

/** Finds out on whose behalf requests are made. */
export interface Identify {
  /** For a request whose parameters tell the dialect. Rejects with `AuthRefusal`. */
  reader(request: Identified, dialect: Dialect): Promise<Identity>
  /** For a request whose token tells the dialect. Rejects with `AuthRefusal`, also when there is no token. */
  publisher(request: Identified): Promise<Identity & { readonly token: MercureToken }>
  /** For a request for the subscription API without parameters: `standard` is the dialect of a request without a token. */
  viewer(request: Identified, standard: Dialect): Promise<Identity>
}

export function createIdentify(settings: MercureSettings, tokens: Tokens, observer?: AuthObserver): Identify {
  const { dialects, publishOrigins } = settings
  const cookies: Readonly<Record<Dialect, string>> = { 0: settings.legacyCookie, 1: settings.cookie }

  /** In both dialects: the cookie of Mercure 1.0 counts before the query and the cookie of 0.x. */
  function findAny({ req, inQuery }: Identified): ReturnType<typeof findToken> {
    const isOpen = (dialect: Dialect): boolean => dialects.includes(dialect)
    const modern = isOpen(1) ? findToken(req, { cookie: cookies[1], inQuery: undefined }) : undefined
    return modern ?? (isOpen(0) ? findToken(req, { cookie: cookies[0], inQuery }) : undefined)
  }

  async function verify(
    { token }: Credential,
    action: Action,
    { dialect, place }: { readonly dialect: Dialect; readonly place: Place },
  ): Promise<MercureToken> {
    try {
      const verified = await tokens.verify(token, action)
      observer?.onAccepted(verified.principal.method)
      return verified
    } catch (error) {
      throw error instanceof AuthRefusal ? refusalsOf(dialect, place.metadata).invalidToken(error) : error
    }
  }

  return {
    async reader({ req, place, inQuery }, dialect) {
      const found = findToken(req, { cookie: cookies[dialect], inQuery: dialect === 0 ? inQuery : undefined })
      if (!found) return { dialect, token: undefined }
      if ("malformed" in found) throw refusalsOf(dialect, place.metadata).invalidRequest(found.malformed)
      return { dialect, token: await verify(found, "subscribe", { dialect, place }) }
    },

    async publisher(request) {
      const { req, place } = request
      const standard: Dialect = dialects.includes(0) && settings.publisher ? 0 : 1
      const found = findAny(request)
      if (!found) throw refusalsOf(standard, place.metadata).missingToken("there is no token")
      if ("malformed" in found) throw refusalsOf(standard, place.metadata).invalidRequest(found.malformed)
      const dialect = dialectOfToken(found.token)
      if (found.from === "cookie") {
        const blocked = foreignPage(req, publishOrigins, place.origins)
        if (blocked !== undefined) throw refusalsOf(dialect, place.metadata).invalidRequest(blocked)
      }
      return { dialect, token: await verify(found, "publish", { dialect, place }) }
    },

    async viewer(request, standard) {
      const { place } = request
      const found = findAny(request)
      if (!found) return { dialect: standard, token: undefined }
      if ("malformed" in found) throw refusalsOf(standard, place.metadata).invalidRequest(found.malformed)
      const dialect = dialectOfToken(found.token)
      return { dialect, token: await verify(found, "subscribe", { dialect, place }) }
    },
  }
}
