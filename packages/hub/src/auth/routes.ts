import type { IncomingMessage, ServerResponse } from "node:http"
import type { Bodies } from "../body.ts"
import { HttpError } from "../http-error.ts"
import { parseJson } from "../json.ts"
import { sendJson } from "../respond.ts"
import { WRITE, type Route } from "../route.ts"
import type { Auth } from "./auth.ts"
import type { Principal } from "./principal.ts"
import { AuthRefusal, notGranted, shown } from "./refusal.ts"

/** `POST /auth/renew` and `POST /auth/revoke`. */
export function authRoutes(auth: Auth, bodies: Bodies): [path: string, route: Route][] {
  async function renew(req: IncomingMessage, res: ServerResponse, principal: Principal): Promise<void> {
    const { connection } = await readFields(bodies, req, res, { connection: "text" })
    if (connection === undefined)
      throw invalid("`connection` is missing: it is the header Onward-Connection of a stream")
    if (!(await auth.renew(connection, principal))) throw notGranted(principal, "subscribe", "a topic of the stream")
    sendJson(res, 200, { expiresAt: new Date(principal.expiresAt).toISOString() })
  }

  async function revoke(req: IncomingMessage, res: ServerResponse, principal: Principal): Promise<void> {
    if (!principal.isAdmin) throw notAdmin(principal)
    const kinds = { issuer: "text", userId: "text", tokenId: "text", before: "time" } as const
    const { before, ...concerned } = await readFields(bodies, req, res, kinds)
    if (Object.keys(concerned).length === 0) throw invalid("give a `userId`, a `tokenId` or an `issuer`")
    const time = before === undefined ? Date.now() : Date.parse(before)
    if (time > Date.now()) throw invalid("`before` is in the future")
    await auth.revoke({ ...concerned, before: time })
    sendJson(res, 200, { revoked: true })
  }

  const withPrincipal =
    (answer: (req: IncomingMessage, res: ServerResponse, principal: Principal) => Promise<void>): Route["answer"] =>
    (req, res, _, principal) =>
      answer(req, res, principal as Principal)

  return [
    ["/auth/renew", { methods: WRITE, answer: withPrincipal(renew) }],
    ["/auth/revoke", { methods: WRITE, answer: withPrincipal(revoke) }],
  ]
}

const notAdmin = (principal: Principal): AuthRefusal =>
  new AuthRefusal(
    403,
    "not_admin",
    "The credential does not allow this. Use a key with admin.",
    `${principal.name} is not a key with admin`,
  )

const invalid = (what: string): HttpError => new HttpError(400, "invalid_request", `The request is invalid: ${what}.`)

/** Longest field, in characters. */
const MAX_FIELD = 512

/** Reads a body that is a JSON object of texts, or a form. Throws `HttpError` 400 for any other, and for a field that is unknown. */
async function readFields<Name extends string>(
  bodies: Bodies,
  req: IncomingMessage,
  res: ServerResponse,
  kinds: Readonly<Record<Name, "text" | "time">>,
): Promise<Partial<Record<Name, string>>> {
  const isJson = /^application\/json\b/i.test(req.headers["content-type"] ?? "")
  return bodies.read(req, res, async (text) => {
    const entries = isJson ? Object.entries(objectIn(text)) : [...new URLSearchParams(text)]
    const fields: Partial<Record<Name, string>> = {}
    for (const [name, value] of entries) {
      if (!Object.hasOwn(kinds, name))
        throw invalid(`there is no field "${shown(name)}", use ${Object.keys(kinds).join(", ")}`)
      if (typeof value !== "string" || value === "" || value.length > MAX_FIELD) {
        throw invalid(`\`${name}\` must be a text of 1 to ${MAX_FIELD} characters`)
      }
      if (kinds[name as Name] === "time" && Number.isNaN(Date.parse(value)))
        throw invalid(`\`${name}\` must be an ISO 8601 time`)
      fields[name as Name] = value
    }
    return fields
  })
}

function objectIn(text: string): object {
  const value = parseJson(text)
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value
  throw invalid("the body must be a JSON object")
}
