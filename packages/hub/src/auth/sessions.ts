import { randomUUID } from "node:crypto"
import { HttpError } from "../http-error.ts"
import { createDeadlines } from "./deadlines.ts"
import type { Principal } from "./principal.ts"
import { unauthenticated } from "./refusal.ts"

/** A stream that is open, and on whose behalf. */
export interface Session {
  /** Names the stream to `POST /auth/renew`: 122 random bits, known to the client of the stream only. */
  readonly connection: string
  /** Aborted when the stream has to end. */
  readonly signal: AbortSignal
}

export interface SessionsOptions {
  /** Streams open at once of one user. */
  readonly perUser: number
  /** Whether a principal is revoked. */
  readonly isRevoked: (principal: Principal) => boolean
  /** The time in ms since 1970. */
  readonly now: () => number
}

/** The streams that are open, so that each ends when its principal may not read it any longer. */
export interface Sessions {
  /** Begins the session of a stream. Throws `AuthRefusal` 401 when it would end at once, `HttpError` 429 beyond the limit of a user. */
  open(principal: Principal, topics: readonly string[]): Session
  /** The stream is over. */
  close(session: Session): void
  /** Gives a stream another principal, of the same user. Undefined when this process has no such stream; false when that ends it. */
  renew(connection: string, principal: Principal): boolean | undefined
  /** Ends each stream whose principal this is true for; its client reconnects and is judged again. */
  end(isOver: (principal: Principal) => boolean): void
  /** Streams that are open. */
  readonly size: number
  stop(): void
}

/** A stream ends up to so many ms before its grants do, and a tenth of what is left: streams with tokens of one second end spread out. */
const SPREAD_MS = 2_000
/** For how long streams go on while it cannot be asked whether they may, in ms. */
const UNANSWERED_MS = 300_000
/** After how long it is asked again, in ms. */
const ASK_AGAIN_MS = 5_000
/** After the clock was set back, within how long it is asked for each stream, in ms. */
const ASK_ALL_MS = 10_000
/** Streams that end in one turn of the event loop. */
const ENDED_A_TURN = 200

/** Why the session of a stream ends. */
type EndReason = "expired" | "revoked"

class OpenSession implements Session {
  // random bytes by themselves take ten times as long
  readonly connection = randomUUID()
  readonly topics: readonly string[]
  principal: Principal
  readonly #controller = new AbortController()

  constructor(principal: Principal, topics: readonly string[]) {
    this.principal = principal
    this.topics = topics
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** @param reason what operators see as the reason why the stream ended */
  end(reason: EndReason): void {
    this.#controller.abort(reason)
  }
}

/** Users of different issuers are different users. Undefined for a principal that is no user. */
const userOf = ({ issuer = "", userId }: Principal): string | undefined =>
  userId === undefined ? undefined : JSON.stringify([issuer, userId])

export function createSessions({ perUser, isRevoked, now }: SessionsOptions): Sessions {
  const open = new Map<string, OpenSession>()
  const users = new Map<string, number>()
  const ending: { readonly session: OpenSession; readonly reason: EndReason }[] = []
  const deadlines = createDeadlines({ onDue: finishOrAsk, onBack: askAll, now })

  function schedule(session: OpenSession, askAfter = 0): void {
    const { expiresAt, recheck } = session.principal
    const dueAt = Math.min(expiresAt, Math.max(recheck?.at ?? Infinity, askAfter))
    if (dueAt === Infinity) return deadlines.delete(session)
    const left = Math.max(0, dueAt - now())
    deadlines.set(session, dueAt - Math.random() * Math.min(SPREAD_MS, left / 10))
  }

  function end(session: OpenSession, reason: EndReason): void {
    if (ending.push({ session, reason }) === 1) setImmediate(endSome)
  }

  function endSome(): void {
    for (const { session, reason } of ending.splice(0, ENDED_A_TURN)) session.end(reason)
    if (ending.length > 0) setImmediate(endSome)
  }

  function count(principal: Principal, change: 1 | -1): void {
    const user = userOf(principal)
    if (user === undefined) return
    const streams = (users.get(user) ?? 0) + change
    if (streams > 0) users.set(user, streams)
    else users.delete(user)
  }

  /** What is due: the end of the stream, or a question whether it may go on. */
  function finishOrAsk(session: OpenSession): void {
    const { recheck, expiresAt } = session.principal
    if (!recheck || expiresAt <= recheck.at) return end(session, "expired")
    recheck.ask().then(
      (principal) => {
        if (open.get(session.connection) === session) replace(session, principal)
      },
      (error: unknown) => {
        const isUnanswered = error instanceof HttpError && error.status === 503
        const isPatient = now() - recheck.at < UNANSWERED_MS
        if (!isUnanswered || !isPatient) return end(session, "revoked")
        if (open.get(session.connection) === session) schedule(session, now() + ASK_AGAIN_MS)
      },
    )
  }

  /** How long each stream has waited is not known any more. */
  function askAll(): void {
    for (const session of open.values()) {
      const { recheck, expiresAt } = session.principal
      if (!recheck || expiresAt <= recheck.at) continue
      deadlines.set(session, Math.min(recheck.at, now() + Math.random() * ASK_ALL_MS))
    }
  }

  /** Whether the new principal may read the stream, which ends if not. */
  function replace(session: OpenSession, principal: Principal): boolean {
    const isSame = userOf(principal) === userOf(session.principal)
    const isCovered = isSame && session.topics.every((topic) => principal.grants.subscribe.covers(topic))
    if (isCovered) {
      session.principal = principal
      schedule(session)
    } else end(session, "revoked")
    return isCovered
  }

  return {
    open(principal, topics) {
      // it may have become invalid while the credential was checked
      if (principal.expiresAt <= now())
        throw unauthenticated(`the credential of ${principal.name} has just expired`, "expired")
      if (isRevoked(principal)) throw unauthenticated(`${principal.name} is revoked`, "revoked")
      if ((users.get(userOf(principal) ?? "") ?? 0) >= perUser) {
        throw new HttpError(
          429,
          "too_many_connections_for_key",
          `This user has ${perUser} streams open (auth.streamsPerUser). Close one, or raise the limit.`,
        )
      }
      const session = new OpenSession(principal, topics)
      open.set(session.connection, session)
      count(principal, 1)
      schedule(session)
      return session
    },

    close({ connection }) {
      const session = open.get(connection)
      if (!session) return
      open.delete(connection)
      count(session.principal, -1)
      deadlines.delete(session)
    },

    renew(connection, principal) {
      const session = open.get(connection)
      const user = userOf(principal)
      // a capability alone is not enough: another user's stream is as unknown as one that is not there
      if (!session || user === undefined || userOf(session.principal) !== user) return undefined
      return replace(session, principal)
    },

    end(isOver) {
      for (const session of open.values()) if (isOver(session.principal)) end(session, "revoked")
    },

    get size() {
      return open.size
    },

    stop() {
      deadlines.stop()
    },
  }
}
