import { suggest } from "../suggest.ts"
import { UsageError } from "../usage-error.ts"

/** Topics that a principal may publish to and subscribe to, as names or patterns (`news`, `room/*`, `users/:id/orders`). */
export interface GrantOptions {
  /** @default none */
  readonly publish?: readonly string[]
  /** @default none */
  readonly subscribe?: readonly string[]
}

/** A key of a backend, which it sends as `Authorization: Bearer <key>`. Two keys at once make a rotation. */
export interface KeyOptions extends GrantOptions {
  /** Names the key in the log. */
  readonly name: string
  /** SHA-256 of the key in hexadecimal, as `onward token create --publish-key` prints it. */
  readonly sha256?: string
  /** The key itself, instead of `sha256`; only its hash is kept in memory. At least 32 characters. */
  readonly key?: string
  /** Topics that a holder of the key may publish to. @default ["*"] */
  readonly publish?: readonly string[]
  /** Whether a holder of the key may revoke users and tokens, create tickets for users, and use the admin API. @default false */
  readonly admin?: boolean
}

/** An issuer of JSON Web Tokens. Exactly one of `secret`, `publicKey` and `jwks` says how its tokens are verified. */
export interface IssuerOptions {
  /** The `iss` of its tokens, compared exactly. */
  readonly issuer: string
  /** A token is accepted if its `aud` is, or holds, one of these. */
  readonly audience: string | readonly string[]
  /** Shared secret for HS256, HS384 and HS512, at least 32 bytes. */
  readonly secret?: string
  /** Public key in PEM format (SPKI) or an X.509 certificate in PEM format. */
  readonly publicKey?: string
  /** URL of a JSON Web Key Set, such as `https://id.example.com/.well-known/jwks.json`. */
  readonly jwks?: string
  /** Whether `jwks` may have a private address or be read by plain HTTP. @default false */
  readonly allowPrivateJwks?: boolean
  /** Accepted values of `alg`. @default HS256 for a secret, the algorithms that fit a public key, all asymmetric ones for a JWKS */
  readonly algorithms?: readonly string[]
  /** The claim that is the user id. @default "sub" */
  readonly userIdClaim?: string
  /** The claim that holds `{ publish, subscribe }`. A token without it gets its grants from `permissions`. @default "onward" */
  readonly grantsClaim?: string
  /** How far the clocks of issuer and hub may differ, in ms. @default 5_000 */
  readonly clockTolerance?: number
}

/**
 * Grants for tokens without grants of their own. A topic may hold claims in braces, `users/{sub}/*`: the value of the claim becomes
 * literal text of one segment, and of a list each value does. If a claim is missing, that topic grants nothing.
 */
export interface PermissionOptions extends GrantOptions {
  /** Claims that a token must have: equal to the value, or a list that holds it. @default every token */
  readonly when?: Readonly<Record<string, string | number | boolean>>
}

/** Asks a server of the application about requests without a key, token or ticket: sessions stay where they are. */
export interface ForwardOptions {
  /** Receives `POST` with `{ headers, address }`, and answers 200 with `{ userId, publish, subscribe, expiresIn }`, 401 or 403. */
  readonly url: string
  /** Request headers that are forwarded. A request without any of them is anonymous. @default ["cookie"] */
  readonly headers?: readonly string[]
  /** How long an answer is valid for further requests with the same headers, in ms. @default 10_000 */
  readonly cache?: number
  /** How often the server is asked again about open streams, in ms. @default 60_000 */
  readonly recheck?: number
  /** How long an answer may take, in ms; then the request gets 503. @default 2_000 */
  readonly timeout?: number
}

/** Lets browsers send a JWT in a cookie, which the application sets. */
export interface CookieOptions {
  /** @default "__Host-onward" */
  readonly name?: string
  /** Origins besides the hub's own whose pages may publish by the cookie, such as `https://app.example.com`. @default none */
  readonly origins?: readonly string[]
}

/** Lets clients that cannot send headers, such as `EventSource`, subscribe by a ticket in the query: `/events?ticket=…`. */
export interface TicketOptions {
  /** Signs tickets, at least 32 bytes; all hubs that share a log need the same. */
  readonly secret: string
  /** Within which time a ticket must be used, in ms. @default 30_000 */
  readonly expiresIn?: number
  /**
   * Whether a used ticket is accepted with `Last-Event-ID` until its grants expire, so that `EventSource` can reconnect by itself.
   * A ticket that leaks from a proxy's log can then be used too. @default false
   */
  readonly reconnect?: boolean
}

/** Authentication of a hub. With these options, a request without a valid credential is refused with 401, unless `anonymous` allows it. */
export interface AuthOptions {
  /** Keys of backends. @default none */
  readonly keys?: readonly KeyOptions[]
  /** Issuers of JSON Web Tokens. @default none */
  readonly issuers?: readonly IssuerOptions[]
  /** Grants by claims. @default none */
  readonly permissions?: readonly PermissionOptions[]
  /** What requests without a credential may do. @default nothing */
  readonly anonymous?: GrantOptions
  /** @default no server is asked */
  readonly forward?: ForwardOptions
  /** @default cookies are not read */
  readonly cookie?: CookieOptions
  /** @default there are no tickets */
  readonly tickets?: TicketOptions
  /** Streams open at once of one user in one process. @default 100 */
  readonly streamsPerUser?: number
  /** Maximum remaining lifetime of an accepted token, in ms; revocations are kept for as long. @default 86_400_000 (24 h) */
  readonly maxTokenLifetime?: number
}

const NAMES = {
  auth: [
    "keys",
    "issuers",
    "permissions",
    "anonymous",
    "forward",
    "cookie",
    "tickets",
    "streamsPerUser",
    "maxTokenLifetime",
  ],
  keys: ["name", "sha256", "key", "publish", "subscribe", "admin"],
  issuers: [
    "issuer",
    "audience",
    "secret",
    "publicKey",
    "jwks",
    "allowPrivateJwks",
    "algorithms",
    "userIdClaim",
    "grantsClaim",
    "clockTolerance",
  ],
  permissions: ["when", "publish", "subscribe"],
  anonymous: ["publish", "subscribe"],
  forward: ["url", "headers", "cache", "recheck", "timeout"],
  cookie: ["name", "origins"],
  tickets: ["secret", "expiresIn", "reconnect"],
} as const

/** Throws {@link UsageError} for an option that does not exist. */
export function checkAuthNames(options: AuthOptions): void {
  checkNames("auth", options, NAMES.auth)
  for (const name of ["anonymous", "forward", "cookie", "tickets"] as const) {
    if (options[name] !== undefined) checkNames(`auth.${name}`, options[name], NAMES[name])
  }
  for (const name of ["keys", "issuers", "permissions"] as const) {
    const list: unknown = options[name] ?? []
    if (!Array.isArray(list)) throw new UsageError(`auth.${name} must be a list`)
    for (const [i, item] of list.entries()) checkNames(`auth.${name}[${i}]`, item, NAMES[name])
  }
}

function checkNames(path: string, given: unknown, names: readonly string[]): void {
  if (typeof given !== "object" || given === null || Array.isArray(given)) {
    throw new UsageError(`${path} must be an object with ${names.join(", ")}`)
  }
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue
    const meant = suggest(name, names)
    throw new UsageError(
      `${path} has no option "${name}": ${meant === undefined ? `use ${names.join(", ")}` : `did you mean ${meant}?`}`,
    )
  }
}

/** A duration in ms, or another number from 0 up. Throws {@link UsageError}. */
export function numberOf(name: string, given: number | undefined, fallback: number): number {
  if (given === undefined) return fallback
  if (typeof given === "number" && given >= 0) return given
  throw new UsageError(`${name} must be a number, 0 or more, not ${JSON.stringify(given)}`)
}

/** A text with at least `least` bytes. Throws {@link UsageError}, without the text. */
export function secretOf(name: string, given: unknown, least = 32): Buffer {
  const bytes = Buffer.from(typeof given === "string" ? given : "")
  if (bytes.length >= least) return bytes
  throw new UsageError(
    `${name} must have at least ${least} bytes, not ${bytes.length}: create one with openssl rand -base64 48`,
  )
}
