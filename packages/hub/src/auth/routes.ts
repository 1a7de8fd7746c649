import type { IncomingMessage, ServerResponse } from "node:http"
import type { Bodies } from "../body.ts"
import { HttpError } from "../http-error.ts"
import { sendJson } from "../respond.ts"
import { WRITE, type Route } from "../route.ts"
import type { Auth } from "./auth.ts"
import { invalid, readFields } from "./fields.ts"
import type { Principal } from "./principal.ts"
import { AuthRefusal, notGranted } from "./refusal.ts"
import type { Revocation } from "./revocations.ts"
import { principalOfTicket } from "./ticket-grants.ts"

/** `POST /auth/renew`, `POST /auth/revoke` and `POST /auth/tickets`. */
export function authRoutes(auth: Auth, bodies: Bodies): [path: string, route: Route][] {
  type Answer = (req: IncomingMessage, res: ServerResponse, principal: Principal) => Promise<void>

  const renew: Answer = async (req, res, principal) => {
    const { connection: [connection] = [] } = await readFields({ bodies, req, res }, { connection: "text" })
    if (connection === undefined) throw invalid("`connection`, the header Onward-Connection of a stream, is missing")
    const { userId, expiresAt } = principal
    if (userId === undefined || expiresAt === Infinity) throw invalid("only the streams of users can be renewed")
    if (!(await auth.renew(connection, principal))) throw notGranted(principal, "subscribe", "a topic of the stream")
    sendJson(res, 200, { expiresAt: new Date(expiresAt).toISOString() })
  }

  const revoke: Answer = async (req, res, principal) => {
    if (!principal.isAdmin) throw notAdmin(principal)
    const kinds = { issuer: "text", userId: "text", tokenId: "text", before: "time" } as const
    const { before: [before] = [], ...concerned } = await readFields({ bodies, req, res }, kinds)
    if (Object.keys(concerned).length === 0) throw invalid("give a `userId`, a `tokenId` or an `issuer`")
    const time = before === undefined ? Date.now() : Date.parse(before)
    if (time > Date.now()) throw invalid("`before` is in the future")
    const texts = Object.entries(concerned).map(([name, [text]]) => [name, text])
    await auth.revoke({ ...(Object.fromEntries(texts) as Omit<Revocation, "before">), before: time })
    sendJson(res, 200, { revoked: true })
  }

  const createTicket: Answer = async (req, res, principal) => {
    const kinds = { topic: "texts", userId: "text", expiresIn: "seconds" } as const
    const fields = await readFields({ bodies, req, res }, kinds)
    const created = await auth.createTicket(principalOfTicket(principal, fields))
    if (!created) throw new HttpError(404, "not_found", "This hub has no tickets. Configure auth.tickets.")
    sendJson(res, 200, created)
  }

  const answers: Readonly<Record<string, Answer>> = {
    "/auth/renew": renew,
    "/auth/revoke": revoke,
    "/auth/tickets": createTicket,
  }
  return Object.entries(answers).map(([path, answer]) => [
    path,
    { methods: WRITE, answer: (req, res, _, principal) => answer(req, res, principal as Principal) },
  ])
}

const notAdmin = (principal: Principal): AuthRefusal =>
  new AuthRefusal(403, "not_admin", "The credential does not allow this. Use a key with admin.", {
    reason: `${principal.name} is not a key with admin`,
    outcome: "no_grant",
    method: principal.method,
  })
