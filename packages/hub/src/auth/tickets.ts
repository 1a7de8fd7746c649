import { createSecretKey, randomBytes } from "node:crypto"
import { errors, jwtVerify, SignJWT } from "jose"
import { HttpError } from "../http-error.ts"
import { numberOf, secretOf, type TicketOptions } from "./options.ts"
import { fromPortable, toPortable, type PortablePrincipal } from "./portable.ts"
import type { Principal } from "./principal.ts"
import { unauthenticated } from "./refusal.ts"

/** No issuer's token is of this type, and no ticket passes for a token. */
const TYPE = "onward-ticket+jwt"
/** Longest ticket, in characters: it has to fit into a URL. */
const MAX_CHARS = 4_096

/** Creates and accepts tickets: signed values that any hub with the same secret accepts, each once. */
export interface Tickets {
  /** Throws `HttpError` 400 when the grants do not fit into a URL. */
  create(principal: Principal): Promise<{ readonly ticket: string; readonly expiresIn: number }>
  /**
   * The principal of a ticket.
   * @param lastEventId what the request wants to resume after
   * @throws AuthRefusal 401
   */
  accept(ticket: string, lastEventId: string | undefined): Promise<Principal>
}

export interface TicketsOptions {
  /** Marks a ticket as used, at all hubs; resolves to whether it was used before. */
  readonly use: (id: string) => Promise<boolean>
  /** The time in ms since 1970. */
  readonly now: () => number
}

/** How long a ticket can be used, in ms. Throws `UsageError`. */
export const lifetimeOfTickets = (options: Pick<TicketOptions, "expiresIn">): number =>
  numberOf("auth.tickets.expiresIn", options.expiresIn, 30_000)

/** Reads the options of tickets. Throws `UsageError`. */
export function createTickets(options: TicketOptions, { use, now }: TicketsOptions): Tickets {
  const secret = createSecretKey(secretOf("auth.tickets.secret", options.secret))
  const expiresIn = lifetimeOfTickets(options)
  const { reconnect = false } = options

  async function read(
    ticket: string,
  ): Promise<{ readonly id: string; readonly useBy: number; readonly principal: Principal }> {
    try {
      // when it expires is a question of its use
      const { payload } = await jwtVerify(ticket, secret, {
        algorithms: ["HS256"],
        typ: TYPE,
        currentDate: new Date(0),
      })
      const { jti, useBy, principal } = payload as { jti: string; useBy: number; principal: PortablePrincipal }
      const { expiresAt } = principal
      return {
        id: jti,
        useBy,
        principal: fromPortable({ ...principal, method: "ticket", expiresAt: expiresAt ?? Infinity }),
      }
    } catch (error) {
      if (!(error instanceof errors.JOSEError)) throw error
      throw unauthenticated("the ticket is not one of this hub, or its secret has changed", "bad_signature")
    }
  }

  return {
    async create(principal) {
      const ticket = await new SignJWT({ principal: toPortable(principal), useBy: now() + expiresIn })
        .setProtectedHeader({ alg: "HS256", typ: TYPE })
        .setJti(randomBytes(12).toString("hex"))
        .sign(secret)
      if (ticket.length > MAX_CHARS) {
        throw new HttpError(400, "invalid_request", "The grants do not fit into a ticket. Name the topics in `topic`.")
      }
      return { ticket, expiresIn: expiresIn / 1_000 }
    },
    async accept(ticket, lastEventId) {
      if (ticket.length > MAX_CHARS) throw unauthenticated(`the ticket has more than ${MAX_CHARS} characters`)
      const { id, useBy, principal } = await read(ticket)
      const { name, expiresAt } = principal
      if (expiresAt <= now())
        throw unauthenticated(`the grants of the ticket of ${name} expired ${since(expiresAt)} s ago`, "expired")
      if (reconnect && lastEventId !== undefined) return principal
      if (useBy <= now()) throw unauthenticated(`the ticket of ${name} had to be used ${since(useBy)} s ago`, "expired")
      if (await use(id)) throw unauthenticated(`the ticket of ${name} was used before`, "used")
      return principal
    },
  }

  function since(time: number): number {
    return Math.ceil((now() - time) / 1_000)
  }
}
