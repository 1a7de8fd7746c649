import { createHash, randomBytes } from "node:crypto"

/** How long a session lasts, in ms. */
export const SESSION_MS = 12 * 3_600_000
/** Most sessions at once. One more ends the oldest: only holders of an admin key can begin one. */
const MAX_SESSIONS = 100
/** Attempts to sign in that one caller has in this time, in ms. */
const ATTEMPTS = { count: 10, within: 60_000 }
/** Most callers whose attempts are counted. The one that began first is forgotten first. */
const MAX_CALLERS = 10_000

/** A session of the dashboard. */
export interface AdminSession {
  /** The SHA-256 of the key that began it, in hexadecimal: the session ends when that key is removed. */
  readonly keyHash: string
  /** In ms since 1970. */
  readonly expiresAt: number
}

/**
 * The sessions of the dashboard. With several workers they are in the primary process, because each request can reach another worker: all
 * arguments and results are plain data.
 */
export interface SessionStore {
  /** Counts an attempt to sign in. Returns 0, or the seconds until the caller may try again. */
  attempt(caller: string): number | Promise<number>
  /** Begins a session of a caller whose key was accepted. */
  create(caller: string, keyHash: string): NewSession | Promise<NewSession>
  find(id: string): AdminSession | undefined | Promise<AdminSession | undefined>
  end(id: string): void | Promise<void>
}

export interface NewSession extends AdminSession {
  /** The secret of its cookie. */
  readonly id: string
}

/** Creates the sessions of one hub, in memory: they end when it restarts. */
export function createSessionStore({
  now = Date.now,
  monotonic = () => performance.now(),
}: { readonly now?: () => number; readonly monotonic?: () => number } = {}): SessionStore {
  /** By the hash of the id, so that the memory of the process does not contain what is in cookies. */
  const sessions = new Map<string, AdminSession>()
  const attempts = new Map<string, { count: number; readonly until: number }>()

  return {
    attempt(caller) {
      const time = monotonic()
      const known = attempts.get(caller)
      if (known && known.until > time) {
        if (known.count >= ATTEMPTS.count) return Math.ceil((known.until - time) / 1_000)
        known.count++
        return 0
      }
      attempts.delete(caller)
      if (attempts.size >= MAX_CALLERS) attempts.delete(attempts.keys().next().value as string)
      attempts.set(caller, { count: 1, until: time + ATTEMPTS.within })
      return 0
    },

    create(caller, keyHash) {
      attempts.delete(caller)
      for (const [hash, { expiresAt }] of sessions) if (expiresAt <= now()) sessions.delete(hash)
      if (sessions.size >= MAX_SESSIONS) sessions.delete(sessions.keys().next().value as string)
      const id = randomBytes(32).toString("base64url")
      const session = { keyHash, expiresAt: now() + SESSION_MS }
      sessions.set(hashOf(id), session)
      return { id, ...session }
    },

    find(id) {
      const session = sessions.get(hashOf(id))
      return session && session.expiresAt > now() ? session : undefined
    },

    end(id) {
      sessions.delete(hashOf(id))
    },
  }
}

const hashOf = (id: string): string => createHash("sha256").update(id).digest("base64url")
