import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose"
import { HttpError } from "../http-error.ts"

/** After how long keys are read again, in ms, while they go on being used. */
const FRESH_MS = 600_000
/** For how long keys are used while they cannot be read again, in ms. */
const STALE_MS = 3_600_000
/** Least time between two readings, in ms: a flood of tokens with unknown keys causes one. */
const COOL_DOWN_MS = 30_000
/** The same while there are no keys at all. */
const RETRY_MS = 5_000

export interface JwksOptions {
  readonly load: () => Promise<JSONWebKeySet>
  /** Names the key set in errors. */
  readonly url: string
  /** Called after each attempt to load. @default not called */
  readonly onLoad?: (isLoaded: boolean) => void
  readonly onError: (error: unknown) => void
  /** A monotonic time, in ms. @default performance.now */
  readonly monotonic?: () => number
}

/** The keys of an issuer, which change. */
export interface Jwks {
  readonly getKey: JWTVerifyGetKey
  /** Reads the keys, unless that was done a moment ago; resolves to whether there are newer ones. Never rejects. */
  refresh(): Promise<boolean>
}

/** Keeps a key set: read when first needed, again when it is old, and when a token has a key that is not in it. */
export function createJwks({ load, url, onLoad, onError, monotonic = () => performance.now() }: JwksOptions): Jwks {
  let keys: JWTVerifyGetKey | undefined
  let loadedAt = -Infinity
  let triedAt = -Infinity
  let loading: Promise<boolean> | undefined

  async function reload(): Promise<boolean> {
    triedAt = monotonic()
    try {
      keys = createLocalJWKSet(await load())
      loadedAt = monotonic()
      onLoad?.(true)
      return true
    } catch (error) {
      onLoad?.(false)
      const cause = error instanceof Error ? error.message : String(error)
      onError(
        new Error(
          `The key set ${url} cannot be read: ${cause}. Tokens of its issuer are checked with ${keys ? "the keys read before" : "none"}.`,
        ),
      )
      return false
    } finally {
      loading = undefined
    }
  }

  const refresh = (): Promise<boolean> => {
    if (loading) return loading
    if (monotonic() - triedAt < (keys ? COOL_DOWN_MS : RETRY_MS)) return Promise.resolve(false)
    return (loading = reload())
  }

  return {
    refresh,
    async getKey(header, token) {
      if (monotonic() - loadedAt > FRESH_MS) {
        const refreshing = refresh()
        if (monotonic() - loadedAt > STALE_MS) await refreshing
      }
      if (!keys || monotonic() - loadedAt > STALE_MS) {
        throw new HttpError(503, "auth_unavailable", "The hub cannot check tokens now. Try again later.", {
          "retry-after": String(RETRY_MS / 1_000),
        })
      }
      return keys(header, token)
    },
  }
}
