import { hash } from "node:crypto"
import type { IncomingMessage } from "node:http"
import type { Auth } from "./auth.ts"
import { authorize } from "./authorize.ts"

/** What a credential must allow to publish to, so that a request may be made at the operator's expense. */
const TOPIC = "gateway"

/**
 * The owner of the runs of a request that the gateway makes by a provider's key of its own. Rejects with `AuthRefusal` 401 for a request without
 * a credential, and 403 for one whose credential may not publish to the topic `gateway`.
 */
export async function gatewayOwner(auth: Auth, req: IncomingMessage, url: URL): Promise<string> {
  const principal = await auth.authenticate(req, url)
  authorize({ principal, action: "publish", topics: [TOPIC] })
  // it is for the hub, and no provider is to see it
  delete req.headers.authorization
  const { name, issuer, userId } = principal
  return hash("sha256", JSON.stringify(userId === undefined ? [name] : [issuer, userId]))
}
