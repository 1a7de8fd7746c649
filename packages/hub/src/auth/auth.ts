import type { IncomingMessage } from "node:http"
import type { Log } from "onward"
import { createAuthenticator, type Authenticator, type AuthenticatorOptions } from "./authenticator.ts"
import { openControlLog, RENEWALS, REVOCATIONS, topicOfTicket, type ControlLog } from "./control-log.ts"
import { explainCredential, type Asked, type Explanation } from "./explain-credential.ts"
import type { Keys } from "./keys.ts"
import { numberOf, type AuthOptions } from "./options.ts"
import type { AuthObserver } from "./observer.ts"
import { fromPortable, toPortable, type PortablePrincipal } from "./portable.ts"
import type { Principal } from "./principal.ts"
import { unauthenticated } from "./refusal.ts"
import { createRevocations, type Revocation } from "./revocations.ts"
import { createSessions, type Session } from "./sessions.ts"
import { lifetimeOfTickets } from "./tickets.ts"

/**
 * The permissions of a hub, for as long as it runs.
 *
 *     request ─credential.ts─▶ key · token · cookie · ticket · session of the application · none
 *             ─authenticator.ts─▶ Principal: a name, a user, grants, an end           (keys, issuers + jwks, tickets, forward)
 *             ─authorize.ts─▶ 403, or the action; what is granted is decided once, so delivery costs the same as without
 *     stream  ─sessions.ts─▶ ends by the principal's end (deadlines.ts), a revocation, or grants that no longer cover it
 *     hubs    ◀─control-log.ts─▶ revocations, renewals and used tickets, in a log of their own beside that of the hub
 */
export interface Auth {
  /** Origins besides the hub's own whose pages may send requests. */
  readonly origins: readonly string[]
  /**
   * The principal of a request: at once when its credential is known, so that a connect needs no other turn of the event loop.
   * Throws, or rejects with, `AuthRefusal` 401; and `HttpError` 503 when it cannot be told now.
   */
  authenticate(req: IncomingMessage, url: URL): Principal | Promise<Principal>
  /** The principal of a key or a token; without one, of a request without a credential. Throws, or rejects with, what `authenticate` does. */
  verify(credential: string | undefined): Principal | Promise<Principal>
  /** Decodes a key or a token, and says why it is refused, or why it allows each of the topics or not. */
  explain(credential: string | undefined, asked: Asked): Promise<Explanation>
  /** The current keys of backends. */
  readonly keys: Keys
  /** Throws `AuthRefusal` 401 for a principal that is revoked. `authenticate` does this itself. */
  admit(principal: Principal): void
  /** Begins the session of a stream, which ends when its principal may not read it any longer; see `Sessions`. */
  open(principal: Principal, topics: readonly string[]): Session
  /** The stream is over. */
  close(session: Session): void
  /**
   * Gives a stream a new principal: that of a token which its client got before the last one expires. False when the new grants do not cover
   * the stream, which ends then. Of a stream of another hub, true means that the hub was told.
   */
  renew(connection: string, principal: Principal): Promise<boolean>
  /** A ticket for streams of a principal; undefined when tickets are disabled. */
  createTicket(principal: Principal): Promise<{ readonly ticket: string; readonly expiresIn: number }> | undefined
  /** Ends the streams that a revocation concerns, at all hubs, and refuses their tokens. Resolves once the log holds it. */
  revoke(revocation: Revocation): Promise<void>
  /** Uses other options from now on; each stream ends, and its client reconnects and is judged by them. Throws `UsageError` and changes nothing. */
  reload(options: AuthOptions): void
  stop(): Promise<void>
}

export interface AuthSetting {
  /** Opens the log by which hubs tell each other, which keeps entries for so many ms. */
  readonly openLog: (keep: number) => Promise<Log>
  /** Origins of the hub as browsers know it. @default none but the name in `Host` */
  readonly publicUrls?: readonly string[] | undefined
  readonly onError: (error: unknown) => void
  /** @default not told */
  readonly observer?: AuthObserver | undefined
  /** The time in ms since 1970. @default Date.now */
  readonly now?: () => number
}

const DAY_MS = 86_400_000

/** Makes what decides over requests and streams. Rejects with `UsageError` for options that cannot be used, before it opens the log. */
export async function createAuth(
  options: AuthOptions,
  { openLog, publicUrls = [], onError, observer, now = Date.now }: AuthSetting,
): Promise<Auth> {
  const setting: AuthenticatorOptions = {
    publicUrls,
    useTicket: async (id) => (await control.tell(topicOfTicket(id), {}, id)).repeated,
    onError,
    observer,
    now,
  }
  let authenticator: Authenticator = createAuthenticator(options, setting)
  const keep = numberOf("auth.maxTokenLifetime", options.maxTokenLifetime, DAY_MS)
  const revocations = createRevocations({ keep, now })
  const sessions = createSessions({
    perUser: numberOf("auth.streamsPerUser", options.streamsPerUser, 100),
    isRevoked: (principal) => revocations.has(principal),
    now,
  })

  function onEntry(topic: string, entry: unknown): void {
    if (topic === REVOCATIONS) {
      revocations.add(entry as Revocation)
      sessions.end((principal) => revocations.has(principal))
    }
    if (topic === RENEWALS) {
      const { connection, principal } = entry as Renewal
      sessions.renew(connection, fromPortable(principal))
    }
  }

  // a mark that is removed before its ticket expires would let it be used twice
  const log = await openLog(Math.max(keep, lifetimeOfTickets(options.tickets ?? {})))
  const control: ControlLog = await openControlLog(log, onEntry, onError).catch(async (error: unknown) => {
    await log.close()
    throw error
  })

  const admitted = (principal: Principal): Principal => {
    if (revocations.has(principal)) throw unauthenticated(`${principal.name} is revoked`, "revoked")
    return principal
  }

  /** The same, for a request. */
  const accepted = (principal: Principal): Principal => {
    admitted(principal)
    observer?.onAccepted(principal.method)
    return principal
  }

  function verify(credential: string | undefined): Principal | Promise<Principal> {
    const found = credential === undefined ? authenticator.anonymous() : authenticator.verify(credential)
    return found instanceof Promise ? found.then(admitted) : admitted(found)
  }

  return {
    get origins() {
      return authenticator.origins
    },
    authenticate(req, url) {
      const found = authenticator.authenticate(req, url)
      return found instanceof Promise ? found.then(accepted) : accepted(found)
    },
    verify,
    explain: (credential, asked) =>
      explainCredential(credential, asked, { verify, explainGrants: (token) => authenticator.explainGrants(token) }),
    get keys() {
      return authenticator.keys
    },
    admit: (principal) => void admitted(principal),
    open: (principal, topics) => sessions.open(principal, topics),
    close: (session) => sessions.close(session),
    async renew(connection, principal) {
      const renewed = sessions.renew(connection, principal)
      if (renewed !== undefined) return renewed
      await control.tell(RENEWALS, { connection, principal: toPortable(principal) } satisfies Renewal)
      return true
    },
    createTicket: (principal) => authenticator.tickets?.create(principal),
    async revoke(revocation) {
      revocations.admit()
      await control.tell(REVOCATIONS, revocation)
    },
    reload(changed) {
      authenticator = createAuthenticator(changed, setting)
      sessions.end(() => true)
    },
    async stop() {
      sessions.stop()
      await control.close()
    },
  }
}

interface Renewal {
  readonly connection: string
  readonly principal: PortablePrincipal
}
