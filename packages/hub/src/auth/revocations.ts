import { HttpError } from "../http-error.ts"
import type { Principal } from "./principal.ts"

/** Whose tokens are no longer accepted: all that are given have to fit. */
export interface Revocation {
  readonly issuer?: string
  readonly userId?: string
  /** The `jti` of a token. */
  readonly tokenId?: string
  /** Only tokens issued before it, in ms since 1970. */
  readonly before: number
}

/** Most revocations in force at once. */
const MAX = 10_000

/** What is revoked, for as long as a token that it concerns may live. */
export interface Revocations {
  /** Throws `HttpError` 503 when there is no room for one more. */
  admit(): void
  add(revocation: Revocation): void
  /** Whether a principal is revoked: in the same time however many revocations there are. */
  has(principal: Principal): boolean
}

export interface RevocationsOptions {
  /** For how long a revocation is kept, in ms. */
  readonly keep: number
  readonly now: () => number
}

export function createRevocations({ keep, now }: RevocationsOptions): Revocations {
  /** The time before which issued tokens are revoked, by user or session; the oldest revocation first. */
  const before = new Map<string, number>()

  function forget(): void {
    for (const [key, time] of before) {
      if (time + keep > now()) break
      before.delete(key)
    }
  }

  return {
    admit() {
      forget()
      if (before.size < MAX) return
      throw new HttpError(
        503,
        "too_many_revocations",
        `${MAX} revocations are in force. Replace the key of the issuer instead, or shorten auth.maxTokenLifetime.`,
      )
    },
    add(revocation) {
      forget()
      if (revocation.before + keep <= now()) return
      const key = keyOf(revocation)
      const time = Math.max(before.get(key) ?? 0, revocation.before)
      before.delete(key)
      before.set(key, time)
    },
    has({ issuer, userId, tokenId, issuedAt }) {
      if (before.size === 0 || issuer === undefined) return false
      for (const key of keysOf({ issuer, userId, tokenId })) {
        const time = before.get(key)
        if (time !== undefined && issuedAt < time) return true
      }
      return false
    },
  }
}

interface Concerned {
  readonly issuer?: string | undefined
  readonly userId?: string | undefined
  readonly tokenId?: string | undefined
}

const keyOf = ({ issuer, userId, tokenId }: Concerned): string => JSON.stringify([issuer, userId, tokenId])

/** The keys of each revocation that would concern a principal: one may leave out any part. */
function* keysOf({ issuer, userId, tokenId }: Concerned): Generator<string> {
  for (const whichIssuer of [issuer, undefined])
    for (const whichUser of [userId, undefined])
      for (const whichToken of [tokenId, undefined])
        yield keyOf({ issuer: whichIssuer, userId: whichUser, tokenId: whichToken })
}
