import type { Action, IssuerOptions } from "../auth/index.ts"
import type { Dialect } from "./dialect.ts"

/** A key of Mercure 0.x, which verifies the tokens of publishers or of subscribers. */
export interface LegacyKey {
  /** A secret, or a public key in PEM format. */
  readonly key: string
  /** The algorithm of its tokens. @default "HS256" */
  readonly algorithm?: string
}

/** An issuer of tokens for Mercure 1.0. */
export interface MercureIssuer extends Omit<IssuerOptions, "audience" | "userIdClaim" | "grantsClaim"> {
  /** For which actions its key verifies tokens. @default both */
  readonly actions?: readonly Action[]
}

/** What a hub's Mercure endpoint runs with. */
export interface MercureSettings {
  readonly enabled: true
  /** The path of the endpoint. */
  readonly path: string
  /** Whether requests without a token may subscribe. They receive public updates only. */
  readonly anonymous: boolean
  /** @default nothing can be published with tokens of Mercure 0.x */
  readonly publisher?: LegacyKey
  /** @default subscribers with tokens of Mercure 0.x are refused */
  readonly subscriber?: LegacyKey
  readonly issuers: readonly MercureIssuer[]
  /** The resource identifier, for which tokens of Mercure 1.0 are issued, and the base of relative URLs. @default the hub's URL */
  readonly resource?: string
  readonly dialects: readonly Dialect[]
  /** The cookie with a token of Mercure 1.0. */
  readonly cookie: string
  /** The cookie with a token of Mercure 0.x. */
  readonly legacyCookie: string
  /** Origins whose pages may publish by a cookie: exact, with one `*`, or `*` for all. */
  readonly publishOrigins: readonly string[]
  /** Whether connects and disconnects are told, and `subscriptions` lists them. */
  readonly subscriptions: boolean
  /** How long after its end a stream is told as ended, in ms. */
  readonly grace: number
  /** What a subscriber receives that resumes after an id that the log does not know. */
  readonly unknownId: "live" | "replay"
  /** What happens to an update whose id the log has: it is sent again, or ignored. */
  readonly repeatedIds: "dispatch" | "ignore"
}
