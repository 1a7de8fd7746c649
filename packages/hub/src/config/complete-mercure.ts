import { isLoopback } from "../guard.ts"
import type { MercureSettings } from "../mercure/index.ts"
import { UsageError } from "../usage-error.ts"
import type { Settings } from "./schema.ts"

/** Keys in the reference hub's documentation, which are public. */
const PUBLISHED_KEYS: ReadonlySet<string> = new Set(["!ChangeMe!", "!ChangeThisMercureHubJWTSecretKey!"])
/** Shortest secret for HS256, in bytes (RFC 7518 section 3.2). */
const MIN_SECRET = 32

/** Fills in the defaults of the Mercure endpoint, and checks its settings. Undefined if the hub has none. Throws {@link UsageError}. */
export function completeMercure(settings: Settings, nameOf: (name: string) => string): MercureSettings | undefined {
  const { enabled, publisher, subscriber, ...rest } = settings.mercure
  const isConfigured = Object.keys({ ...rest, ...publisher, ...subscriber }).length > 0
  if (!(enabled ?? isConfigured)) return undefined
  for (const [name, { key, algorithm }] of Object.entries({ publisher, subscriber })) {
    if (key === undefined && algorithm !== undefined) {
      throw new UsageError(`${nameOf(`mercure.${name}.algorithm`)} needs a key. Set mercure.${name}.key too.`)
    }
    if (key !== undefined) checkKey(key, nameOf(`mercure.${name}.key`), settings.host)
  }
  const { issuers = [], resource } = rest
  if (issuers.length > 0 && resource === undefined && settings.publicUrls.length === 0) {
    throw new UsageError(
      `${nameOf("mercure.issuers")} needs the identifier of this hub, which tokens have as aud. Set mercure.resource or publicUrls.`,
    )
  }
  return {
    path: "/.well-known/mercure",
    anonymous: false,
    dialects: [0, 1] as const,
    subscriptions: false,
    grace: 3_000,
    unknownId: "live",
    repeatedIds: "dispatch",
    cookie: "__Secure-mercure_access_token",
    legacyCookie: "mercureAuthorization",
    publishOrigins: [],
    ...rest,
    enabled: true,
    issuers,
    ...(publisher.key !== undefined && { publisher: { ...publisher, key: publisher.key } }),
    ...(subscriber.key !== undefined && { subscriber: { ...subscriber, key: subscriber.key } }),
  } as MercureSettings
}

/** On this machine only, any key will do. */
function checkKey(key: string, name: string, host: string): void {
  if (isLoopback(host)) return
  if (PUBLISHED_KEYS.has(key)) {
    throw new UsageError(
      `${name} is a key from a documentation, so every reader can sign tokens with it. Create one with openssl rand -base64 48.`,
    )
  }
  if (!key.includes("-----BEGIN") && Buffer.byteLength(key) < MIN_SECRET) {
    throw new UsageError(
      `${name} has ${Buffer.byteLength(key)} bytes. Use ${MIN_SECRET} or more: openssl rand -base64 48.`,
    )
  }
}
