import { hash } from "node:crypto"
import type { IncomingMessage } from "node:http"
import type { GatewayCaller } from "../gateway/index.ts"
import type { Auth } from "./auth.ts"
import { authorize } from "./authorize.ts"
import type { Principal } from "./principal.ts"
import { openSession } from "./stream-session.ts"

/** What a credential must allow to publish to, so that a request may be made at the operator's expense. */
const TOPIC = "gateway"

/**
 * The caller of a request that the gateway makes by a provider's key of its own. Rejects with `AuthRefusal` 401 for a request without
 * a credential, and 403 for one whose credential may not publish to the topic `gateway`.
 */
export async function gatewayCaller(auth: Auth, req: IncomingMessage, url: URL): Promise<GatewayCaller> {
  const principal = await auth.authenticate(req, url)
  authorize({ principal, action: "publish", topics: [TOPIC] })
  // it is for the hub, and no provider is to see it
  delete req.headers.authorization
  const { name, issuer, userId } = principal
  return {
    owner: hash("sha256", JSON.stringify(userId === undefined ? [name] : [issuer, userId])),
    openStream: (res, { isNew }) => openSession(auth, isNew ? lasting(principal) : principal, { topics: [], res }),
  }
}

/**
 * The response to the request that starts a run does not end with its token, because the usual clients cannot resume it. It ends with a
 * revocation.
 */
function lasting({ recheck: _, ...principal }: Principal): Principal {
  return { ...principal, expiresAt: Infinity }
}
